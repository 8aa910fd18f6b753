/* JSON written by field tables, straight into a growing string. */
#include "spec/base/json.h"

#include <inttypes.h>
#include <string.h>

#include "spec/base/opt.h"
#include "spec/base/str.h"

struct writer {
	struct str *out;
	enum json_style style;
	unsigned depth;
};

/* Runs of these are added whole: most strings are nothing else. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* One character that cannot be added as it is; how many bytes of the text it took. */
static size_t add_special(struct str *out, const unsigned char *at)
{
	size_t n = str_utf8_length((const char *)at);

	if (n == 0)
		str_add(out, "\xef\xbf\xbd");
	else if (n == 2 && at[0] == 0xc2 && at[1] < 0xa0)
		/* C1: JSON allows them, and a terminal obeys them. */
		str_addf(out, "\\u%04x", at[1]);
	else if (n > 1)
		str_add_bytes(out, at, n);
	else if (*at == '"' || *at == '\\')
		str_addf(out, "\\%c", *at);
	else if (*at == '\n')
		str_add(out, "\\n");
	else if (*at == '\t')
		str_add(out, "\\t");
	else
		str_addf(out, "\\u%04x", *at);
	return n ? n : 1;
}

void json_write_string(const char *text, struct str *out)
{
	const unsigned char *at = (const unsigned char *)text;

	str_add_bytes(out, "\"", 1);
	while (*at) {
		size_t plain = 0;
		while (is_plain(at[plain]))
			plain++;
		str_add_bytes(out, at, plain);
		at += plain;
		if (*at)
			at += add_special(out, at);
	}
	str_add_bytes(out, "\"", 1);
}

/* printf() for these takes most of the time of a document with many. */
static void add_number(struct str *out, uint64_t n)
{
	char digits[20], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + n % 10);
	while (n /= 10);
	str_add_bytes(out, at, (size_t)(digits + sizeof(digits) - at));
}

/* Indented as other runtimes indent what people read: one tab a level. */
static void new_line(struct writer *w)
{
	if (w->style == JSON_COMPACT)
		return;
	str_add_bytes(w->out, "\n", 1);
	for (unsigned i = 0; i < w->depth; i++)
		str_add_bytes(w->out, "\t", 1);
}

static void open_list(struct writer *w, const char *bracket)
{
	str_add(w->out, bracket);
	w->depth++;
}

/* A comma before every element but the first, which stands behind the bracket. */
static void next(struct writer *w, bool *first)
{
	if (!*first)
		str_add_bytes(w->out, ",", 1);
	*first = false;
	new_line(w);
}

static void close_list(struct writer *w, const char *bracket, bool empty)
{
	w->depth--;
	if (!empty)
		new_line(w);
	str_add(w->out, bracket);
}

static void add_key(struct writer *w, const char *key)
{
	json_write_string(key, w->out);
	str_add(w->out, w->style == JSON_COMPACT ? ":" : ": ");
}

static bool write_object(struct writer *w, const struct field *table, const char *from);

/* Written for want of a value: only where the table says "always". */
static bool is_null(const struct field *f, const void *at)
{
	switch ((int)f->kind) {
	case FIELD_OPT_BOOL:
		return !((const struct opt_bool *)at)->set;
	case FIELD_OPT_I64:
	case FIELD_OPT_U64:
		return !((const struct opt_u64 *)at)->set;
	case FIELD_OBJECT_PTR:
	case FIELD_STRING:
		return !*(char *const *)at;
	default:
		return false;
	}
}

static void write_value(struct writer *w, const struct field *f, const void *at)
{
	if (!f->list && is_null(f, at)) {
		str_add(w->out, "null");
		return;
	}
	switch (f->kind) {
	case FIELD_STRING:
		json_write_string(*(char *const *)at ? *(char *const *)at : "", w->out);
		break;
	case FIELD_BOOL:
	case FIELD_PRESENT:
		str_add(w->out, *(const bool *)at ? "true" : "false");
		break;
	case FIELD_OPT_BOOL:
		str_add(w->out, ((const struct opt_bool *)at)->value ? "true" : "false");
		break;
	case FIELD_I32:
		str_addf(w->out, "%" PRId32, *(const int32_t *)at);
		break;
	case FIELD_U32:
		add_number(w->out, *(const uint32_t *)at);
		break;
	case FIELD_U64:
		add_number(w->out, *(const uint64_t *)at);
		break;
	case FIELD_OPT_I64:
		str_addf(w->out, "%" PRId64, ((const struct opt_i64 *)at)->value);
		break;
	case FIELD_OPT_U64:
		add_number(w->out, ((const struct opt_u64 *)at)->value);
		break;
	case FIELD_ENUM: {
		const char *name = enum_name_of(f->names, *(const int *)at);
		json_write_string(name ? name : "", w->out);
		break;
	}
	case FIELD_OBJECT:
		write_object(w, f->inside, at);
		break;
	case FIELD_OBJECT_PTR:
		write_object(w, f->inside, *(const char *const *)at);
		break;
	case FIELD_TEXT:
		str_add_bytes(w->out, ((const struct json_text *)at)->text,
			((const struct json_text *)at)->len);
		break;
	case FIELD_MAP:
	case FIELD_KEYS:
	case FIELD_OBJECT_MAP:
	case FIELD_END:
		break;
	}
}

/* The elements lie behind each other, each as large as its kind says. */
static void write_list(struct writer *w, const struct field *f, const char *v, size_t n)
{
	bool first = true;

	open_list(w, "[");
	for (size_t i = 0; i < n; i++) {
		next(w, &first);
		write_value(w, f, v + i * field_size(f));
	}
	close_list(w, "]", first);
}

static void write_map(struct writer *w, const struct field *f, const char *v, size_t n)
{
	bool first = true;

	open_list(w, "{");
	for (size_t i = 0; i < n; i++) {
		/* Of each kind, the key is what the element begins with. */
		const char *element = v + i * field_size(f);
		next(w, &first);
		add_key(w, *(char *const *)element);
		if (f->kind == FIELD_MAP)
			json_write_string(((const struct string_pair *)element)->value, w->out);
		else if (f->kind == FIELD_OBJECT_MAP)
			write_object(w, f->inside, element);
		else
			str_add(w->out, "{}");
	}
	close_list(w, "}", first);
}

/* Embedded objects are not judged here: an empty one shows when it is written. */
static bool is_absent(const struct field *f, const char *of)
{
	const char *at = of + f->offset;

	if (f->list || field_is_map(f))
		return *(const size_t *)(of + f->count_offset) == 0 && !f->always;
	switch (f->kind) {
	case FIELD_BOOL:
		return !f->always && !*(const bool *)at;
	case FIELD_I32:
	case FIELD_U32:
		return !f->always && *(const uint32_t *)at == 0;
	case FIELD_U64:
		return !f->always && *(const uint64_t *)at == 0;
	case FIELD_ENUM:
		return *(const int *)at == 0;
	case FIELD_OPT_BOOL:
	case FIELD_OPT_I64:
	case FIELD_OPT_U64:
	case FIELD_OBJECT_PTR:
	case FIELD_STRING:
		return !f->always && is_null(f, at);
	case FIELD_TEXT:
		return !((const struct json_text *)at)->text;
	case FIELD_OBJECT:
		return false;
	case FIELD_PRESENT: /* what it held is not known */
	case FIELD_MAP:
	case FIELD_KEYS:
	case FIELD_OBJECT_MAP:
	case FIELD_END:
		break;
	}
	return true;
}

/* The key goes out first; an embedded object that turns out empty takes it back. */
static void write_field(struct writer *w, const struct field *f, const char *of, bool *first)
{
	size_t before = w->out->len;
	bool was_first = *first;

	next(w, first);
	add_key(w, f->name);
	if (field_is_map(f)) {
		write_map(w, f, *(char *const *)(of + f->offset),
			*(const size_t *)(of + f->count_offset));
	} else if (f->list) {
		write_list(w, f, *(char *const *)(of + f->offset),
			*(const size_t *)(of + f->count_offset));
	} else if (f->kind == FIELD_OBJECT && !f->always) {
		if (write_object(w, f->inside, of + f->offset) || !str_ok(w->out))
			return;
		/* Nothing in it: as if it had not been begun. */
		w->out->len = before;
		w->out->data[before] = '\0';
		*first = was_first;
	} else {
		write_value(w, f, of + f->offset);
	}
}

/* Whether there was anything in it. */
static bool write_object(struct writer *w, const struct field *table, const char *from)
{
	bool first = true;

	open_list(w, "{");
	for (const struct field *f = table; f->name; f++)
		if (!is_absent(f, from))
			write_field(w, f, from, &first);
	close_list(w, "}", first);
	return !first;
}

void json_write(const struct field *table, const void *from, enum json_style style, struct str *out)
{
	struct writer w = { .out = out, .style = style };

	write_object(&w, table, from);
}

void json_write_list(
	const struct field *list, const void *from, enum json_style style, struct str *out)
{
	struct writer w = { .out = out, .style = style };
	const char *of = from;

	write_list(&w, list, *(char *const *)(of + list->offset),
		*(const size_t *)(of + list->count_offset));
}
