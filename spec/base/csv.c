/* CSV by field tables. */
#include "spec/base/csv.h"

#include <inttypes.h>
#include <string.h>

#include "spec/base/opt.h"
#include "spec/base/shown.h"

static bool is_object(const struct field *f)
{
	return f->kind == FIELD_OBJECT || f->kind == FIELD_OBJECT_PTR;
}

static bool has_column(const struct field *f)
{
	return !f->list && !field_is_map(f) && f->kind != FIELD_TEXT && !is_object(f);
}

static void add_character(const char *at, size_t n, bool harmless, struct str *out)
{
	if (*at == '"')
		str_add(out, "\"\"");
	else if (harmless || strchr("\n\r\t", *at))
		str_add_bytes(out, at, n);
	else
		str_add(out, str_utf8_length(at) ? "?" : "\xef\xbf\xbd");
}

static void add_text(const char *text, const char *before, struct str *out)
{
	bool quoted = text[strcspn(text, ",\"\r\n")] != '\0';

	if (quoted)
		str_add(out, "\"");
	str_add(out, before);
	for (const char *at = text; *at;) {
		bool harmless;
		size_t n = shown_next(at, &harmless);
		add_character(at, n, harmless, out);
		at += n;
	}
	if (quoted)
		str_add(out, "\"");
}

/* What a spreadsheet takes for a formula becomes text. */
static void add_string(const char *text, struct str *out)
{
	if (text)
		add_text(text, *text && strchr("=+-@\t\r", *text) ? "'" : "", out);
}

static void add_value(const struct field *f, const void *at, struct str *out)
{
	const struct opt_u64 *number = at;
	const char *text = NULL;

	switch ((int)f->kind) {
	case FIELD_STRING:
		add_string(*(char *const *)at, out);
		break;
	case FIELD_ENUM:
		text = enum_name_of(f->names, *(const int *)at);
		break;
	case FIELD_BOOL:
	case FIELD_PRESENT:
		text = *(const bool *)at ? "true" : "false";
		break;
	case FIELD_OPT_BOOL:
		if (((const struct opt_bool *)at)->set)
			text = ((const struct opt_bool *)at)->value ? "true" : "false";
		break;
	case FIELD_I32:
		str_addf(out, "%" PRId32, *(const int32_t *)at);
		break;
	case FIELD_U32:
		str_addf(out, "%" PRIu32, *(const uint32_t *)at);
		break;
	case FIELD_U64:
		str_addf(out, "%" PRIu64, *(const uint64_t *)at);
		break;
	case FIELD_OPT_I64:
		if (((const struct opt_i64 *)at)->set)
			str_addf(out, "%" PRId64, ((const struct opt_i64 *)at)->value);
		break;
	case FIELD_OPT_U64:
		if (number->set)
			str_addf(out, "%" PRIu64, number->value);
		break;
	default:
		break;
	}
	if (text)
		add_text(text, "", out);
}

static void separate(struct str *out, bool *first)
{
	if (!*first)
		str_add(out, ",");
	*first = false;
}

static void add_header(const struct field *table, const char *prefix, struct str *out, bool *first)
{
	for (const struct field *f = table; f->name; f++) {
		automatic(str) struct str name = { 0 };
		str_addf(&name, "%s%s%s", prefix, f->name, is_object(f) && *f->name ? "." : "");
		out->failed |= name.failed;
		if (name.failed)
			return;
		if (is_object(f) && !f->list)
			add_header(f->inside, name.data, out, first);
		if (!has_column(f))
			continue;
		separate(out, first);
		add_text(name.data, "", out);
	}
}

/* `from` NULL: an object that is absent, with all its columns. */
static void add_row(const struct field *table, const char *from, struct str *out, bool *first)
{
	for (const struct field *f = table; f->name; f++) {
		const char *at = from ? from + f->offset : NULL;
		if (f->kind == FIELD_OBJECT_PTR && at && !f->list)
			at = *(const char *const *)at;
		if (is_object(f) && !f->list)
			add_row(f->inside, at, out, first);
		if (!has_column(f))
			continue;
		separate(out, first);
		if (at)
			add_value(f, at, out);
	}
}

void csv_write_list(const struct field *list, const void *from, struct str *out)
{
	const char *v = *(const char *const *)((const char *)from + list->offset);
	size_t n = *(const size_t *)((const char *)from + list->count_offset);
	bool first = true;

	add_header(list->inside, "", out, &first);
	str_add(out, "\n");
	for (size_t i = 0; i < n; i++) {
		first = true;
		add_row(list->inside, v + i * field_size(list), out, &first);
		str_add(out, "\n");
	}
}
