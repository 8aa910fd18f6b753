/* JSON read by field tables. The only file that knows jansson: it parses, we fill structs. */
#include "spec/base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "spec/base/json_pool.h"
#include "spec/base/json_scan.h"
#include "spec/base/opt.h"

const struct json_limits json_usual_limits = { .bytes = 4 << 20, .depth = 64, .values = 100000 };

/* Where we are in the document. Kept as a chain on the stack, since only errors need the text. */
struct place {
	const struct place *up;
	const char *key; /* NULL: `index` in a list */
	size_t index;
	bool quoted; /* the key is the document's own word, not one of ours */
};

struct reader {
	const char *what, *text;
	bool strict;
	const struct json_scan *scan;
	struct err *e;
};

static int fill(struct reader *r, const struct field *table, json_t *object, void *into,
	const struct place *up);

/* --- errors -------------------------------------------------------------------------------- */

static void add_place(struct str *path, const struct place *at)
{
	if (at->up)
		add_place(path, at->up);
	if (at->quoted)
		str_addf(path, "['%.80s']", at->key);
	else if (at->key)
		str_addf(path, "%s%s", path->len ? "." : "", at->key);
	else if (at->up)
		str_addf(path, "[%zu]", at->index);
}

/* "process.args[1]: <text>" */
static int refuse(struct reader *r, const struct place *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct reader *r, const struct place *at, const char *format, ...)
{
	automatic(str) struct str path = { 0 };
	char text[ERR_TEXT_MAX];
	va_list args;

	add_place(&path, at);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return err_say(r->e, EINVAL, "%s: %s", path.len ? path.data : r->what, text);
}

/* The one failure that has nothing to do with the document. */
static int out_of_memory(struct reader *r)
{
	return err_set(r->e, ENOMEM, "read JSON");
}

/* What was found, as far as one line can show it. */
static const char *found(const struct reader *r, json_t *value, char out[64])
{
	uint64_t big;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
		return "null";
	case JSON_STRING:
		snprintf(out, 64, json_string_length(value) > 40 ? "'%.40s...'" : "'%s'",
			json_string_value(value));
		return out;
	case JSON_INTEGER:
		snprintf(out, 64, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return out;
	case JSON_REAL:
		if (json_scan_integer(r->scan, json_real_value(value), &big) < 0)
			return "a number with a fraction or an exponent";
		snprintf(out, 64, "%" PRIu64, big);
		return out;
	}
	return "?";
}

static int expected(struct reader *r, const struct place *at, const char *kind, json_t *value)
{
	char text[64];

	return refuse(r, at, "expected %s, found %s", kind, found(r, value, text));
}

/*
 * Each fill_*() takes one value of the document, or says what it should have been. Whatever was
 * filled in before belongs to the struct already: json_read() frees it when a later value fails.
 */

/* --- single values ------------------------------------------------------------------------- */

/* Lengths are jansson's: it has refused \u0000, so a string ends where C thinks it does. */
static int fill_string(struct reader *r, const struct place *at, json_t *value, char **ret)
{
	if (!json_is_string(value))
		return expected(r, at, "a string", value);
	size_t n = json_string_length(value);
	char *copy = malloc(n + 1);
	if (!copy)
		return out_of_memory(r);
	memcpy(copy, json_string_value(value), n + 1);
	free(*ret);
	*ret = copy;
	return 0;
}

/* What the scan lifted out of the text is an empty object here. */
static int fill_text(struct reader *r, const struct place *at, json_t *value, struct json_text *ret)
{
	size_t n = r->scan->lifted_len;

	if (!json_is_object(value))
		return expected(r, at, "an object", value);
	if (json_object_size(value))
		return refuse(r, at, "its key must be written without escapes");
	if (!n)
		return 0;
	ret->text = malloc(n + 1);
	if (!ret->text)
		return out_of_memory(r);
	memcpy(ret->text, r->text + r->scan->lifted, n);
	ret->text[n] = '\0';
	ret->len = n;
	return 0;
}

static int fill_bool(struct reader *r, const struct place *at, json_t *value, bool *ret)
{
	if (!json_is_boolean(value))
		return expected(r, at, "true or false", value);
	*ret = json_is_true(value);
	return 0;
}

/* Reals are either true ones, or integers above INT64_MAX in disguise: too big here. */
static int fill_signed(struct reader *r, const struct place *at, json_t *value, int64_t min,
	int64_t max, int64_t *ret)
{
	uint64_t big;

	if (json_is_real(value) && json_scan_integer(r->scan, json_real_value(value), &big) < 0)
		return refuse(r, at, "must be an integer");
	if (!json_is_number(value))
		return expected(r, at, "an integer", value);
	if (json_is_real(value) || json_integer_value(value) < min ||
		json_integer_value(value) > max) {
		char text[64];
		return refuse(r, at, "%s is out of range (%" PRId64 " to %" PRId64 ")",
			found(r, value, text), min, max);
	}
	*ret = json_integer_value(value);
	return 0;
}

/* jansson keeps an int64_t: what is above that came as a real, and is exact again here. */
static int fill_unsigned(
	struct reader *r, const struct place *at, json_t *value, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (json_is_real(value)) {
		if (json_scan_integer(r->scan, json_real_value(value), &n) < 0)
			return refuse(r, at, "must be an integer");
	} else if (!json_is_integer(value)) {
		return expected(r, at, "an integer", value);
	} else {
		n = (uint64_t)json_integer_value(value);
	}
	if (n > max || (json_is_integer(value) && json_integer_value(value) < 0)) {
		char text[64];
		return refuse(
			r, at, "%s is out of range (0 to %" PRIu64 ")", found(r, value, text), max);
	}
	*ret = n;
	return 0;
}

/* A table of names is short enough to be shown to whoever got one wrong. */
static int fill_enum(struct reader *r, const struct place *at, json_t *value,
	const struct enum_name *names, int *ret)
{
	automatic(str) struct str all = { 0 };
	char text[64];

	if (!json_is_string(value))
		return expected(r, at, "a string", value);
	int n = enum_value_of(names, json_string_value(value));
	if (n) {
		*ret = n;
		return 0;
	}
	for (const struct enum_name *name = names; name->name; name++)
		str_addf(&all, "%s%s", all.len ? ", " : "", name->name);
	return refuse(r, at, "%s is unknown (known: %s)", found(r, value, text), all.data);
}

static int fill_value(
	struct reader *r, const struct field *f, const struct place *at, json_t *value, void *into)
{
	uint64_t u = 0;
	int64_t i = 0;
	bool b = false;
	int result = 0;

	switch (f->kind) {
	case FIELD_STRING:
		return fill_string(r, at, value, into);
	case FIELD_BOOL:
		return fill_bool(r, at, value, into);
	case FIELD_I32:
		result = fill_signed(r, at, value, INT32_MIN, INT32_MAX, &i);
		if (result == 0)
			*(int32_t *)into = (int32_t)i;
		return result;
	case FIELD_U32:
		result = fill_unsigned(r, at, value, UINT32_MAX, &u);
		if (result == 0)
			*(uint32_t *)into = (uint32_t)u;
		return result;
	case FIELD_U64:
		return fill_unsigned(r, at, value, UINT64_MAX, into);
	case FIELD_ENUM:
		return fill_enum(r, at, value, f->names, into);
	case FIELD_OPT_BOOL:
		result = fill_bool(r, at, value, &b);
		if (result == 0)
			*(struct opt_bool *)into = (struct opt_bool){ true, b };
		return result;
	case FIELD_OPT_I64:
		result = fill_signed(r, at, value, INT64_MIN, INT64_MAX, &i);
		if (result == 0)
			*(struct opt_i64 *)into = (struct opt_i64){ true, i };
		return result;
	case FIELD_OPT_U64:
		result = fill_unsigned(r, at, value, UINT64_MAX, &u);
		if (result == 0)
			*(struct opt_u64 *)into = (struct opt_u64){ true, u };
		return result;
	case FIELD_OBJECT:
		return fill(r, f->inside, value, into, at);
	case FIELD_OBJECT_PTR:
		/* Owned before it is filled, so that a failure frees what it got. */
		if (!*(void **)into && !(*(void **)into = calloc(1, f->size)))
			return out_of_memory(r);
		return fill(r, f->inside, value, *(void **)into, at);
	case FIELD_PRESENT:
		*(bool *)into = !(json_is_object(value) && json_object_size(value) == 0) &&
				!(json_is_array(value) && json_array_size(value) == 0);
		return 0;
	case FIELD_TEXT:
		return fill_text(r, at, value, into);
	case FIELD_MAP:
	case FIELD_KEYS:
	case FIELD_OBJECT_MAP:
	case FIELD_END:
		break;
	}
	return refuse(r, at, "no kind in the table");
}

/* --- several values ------------------------------------------------------------------------ */

/*
 * Room for n elements in the place of what was there. The count grows as elements are filled in,
 * and with it what json_free() would free. One more is there, zero: the NULL behind strings.
 */
static int start_list(
	struct reader *r, const struct field *f, size_t n, char *into, char **ret_v, size_t **ret_n)
{
	const struct field one[] = { *f, { 0 } };

	json_free(one, into);
	*ret_v = calloc(n + 1, field_size(f));
	*ret_n = (size_t *)(into + f->count_offset);
	if (!*ret_v)
		return out_of_memory(r);
	*(char **)(into + f->offset) = *ret_v;
	return 0;
}

static int fill_list(
	struct reader *r, const struct field *f, const struct place *at, json_t *list, void *into)
{
	size_t *n, size = field_size(f);
	char *v;

	if (!json_is_array(list))
		return expected(r, at, "a list", list);
	int result = start_list(r, f, json_array_size(list), into, &v, &n);
	for (size_t i = 0; result == 0 && i < json_array_size(list); i++) {
		struct place here = { .up = at, .index = i };
		*n = i + 1;
		result = fill_value(r, f, &here, json_array_get(list, i), v + i * size);
	}
	return result;
}

/* Maps and sets of keys: iteration is in document order, which annotations are shown in. */
static int fill_map(
	struct reader *r, const struct field *f, const struct place *at, json_t *object, void *into)
{
	size_t *n, size = field_size(f);
	char *v;

	if (!json_is_object(object))
		return expected(r, at, "an object", object);
	int result = start_list(r, f, json_object_size(object), into, &v, &n);
	void *pair = json_object_iter(object);
	for (size_t i = 0; result == 0 && pair; i++) {
		struct place here = { at, json_object_iter_key(pair), 0, true };
		char **key = (char **)(v + i * size);
		*n = i + 1;
		if (!(*key = strdup(here.key)))
			return out_of_memory(r);
		if (f->kind == FIELD_MAP)
			result = fill_string(r, &here, json_object_iter_value(pair), key + 1);
		if (f->kind == FIELD_OBJECT_MAP)
			result = fill(r, f->inside, json_object_iter_value(pair), key, &here);
		pair = json_object_iter_next(object, pair);
	}
	return result;
}

/* Looked up by the table's names, so keys that it does not have are never looked at. */
static int fill_field(
	struct reader *r, const struct field *f, json_t *object, char *into, const struct place *up)
{
	struct place at = { .up = up, .key = f->name };
	json_t *value = json_object_get(object, f->name);

	if (!value || json_is_null(value))
		return f->must ? refuse(r, &at, "missing") : 0;
	if (field_is_map(f))
		return fill_map(r, f, &at, value, into);
	if (f->list)
		return fill_list(r, f, &at, value, into);
	return fill_value(r, f, &at, value, into + f->offset);
}

/* Of documents that people write for us: a misspelt key would be left out in silence. */
static int refuse_unknown(
	struct reader *r, const struct field *table, json_t *object, const struct place *up)
{
	for (void *pair = json_object_iter(object); pair;
		pair = json_object_iter_next(object, pair)) {
		struct place at = { .up = up, .key = json_object_iter_key(pair) };
		const struct field *f = table;
		while (f->name && strcmp(f->name, at.key) != 0)
			f++;
		if (!f->name)
			return refuse(r, &at, "unknown key");
	}
	return 0;
}

static int fill(struct reader *r, const struct field *table, json_t *object, void *into,
	const struct place *up)
{
	if (!json_is_object(object))
		return expected(r, up, "an object", object);
	int result = r->strict ? refuse_unknown(r, table, object, up) : 0;
	for (const struct field *f = table; result == 0 && f->name; f++)
		result = fill_field(r, f, object, into, up);
	return result;
}

/* --- the document -------------------------------------------------------------------------- */

static size_t number_length(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] >= '0' && text[n] <= '9')
		n++;
	return n < 20 ? n : 20;
}

/*
 * jansson says what it expected, and where its reading stood: behind the token that it stumbled
 * over, and at what that token was. We say where the token begins.
 */
static int syntax_error(const struct reader *r, size_t len, const json_error_t *found)
{
	char reason[JSON_ERROR_TEXT_LENGTH];
	const char *text = r->text;
	size_t line, column, at = found->position < 0 ? 0 : (size_t)found->position;
	enum json_error_code code = json_error_code(found);

	if (code == json_error_out_of_memory)
		return err_set(r->e, ENOMEM, "read '%s'", r->what);
	at = json_scan_place(r->scan, at);
	at = at < len ? at : len;
	snprintf(reason, sizeof(reason), "%s", found->text);
	char *near = strstr(reason, " near '");
	if (near) {
		size_t n = strlen(near + 7);
		n -= n > 0; /* the closing quote */
		at -= n < at ? n : at;
		/* A rewritten integer is shown as it was. */
		size_t digits = number_length(text + at, len - at);
		if (digits > n)
			snprintf(near + 7, sizeof(reason) - (size_t)(near + 7 - reason), "%.*s'",
				(int)digits, text + at);
	}
	if (code == json_error_null_character || code == json_error_null_byte_in_key)
		snprintf(reason, sizeof(reason), "strings cannot hold \\u0000");
	if (reason[0] >= 'A' && reason[0] <= 'Z')
		reason[0] = (char)(reason[0] | 0x20);
	json_place(text, at, &line, &column);
	return err_say(r->e, EINVAL, "%s:%zu:%zu: %s", r->what, line, column, reason);
}

/* jansson would seed its hash tables from /dev/urandom: three system calls for what we hold. */
static void prepare(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	size_t value = 0;

	if (random)
		memcpy(&value, random, sizeof(value));
	json_object_seed(value); /* 0: as it likes. Only the first call counts */
	json_set_alloc_funcs(json_pool_take, json_pool_give);
}

/* `is_list`: the table is the row of a list, and the document is that list. */
static int read_root(const char *what, const char *path, const char *text, size_t len,
	const struct field *table, bool is_list, void *into, const struct json_limits *limits,
	struct err *e)
{
	automatic(json_scan) struct json_scan scan = { 0 };
	struct reader r = { what, text, limits->strict, &scan, e };
	struct place top = { .key = path };
	automatic(json_pool) struct json_pool pool = { 0 };
	json_t *root = NULL; /* the pool's, as all below it */
	json_error_t syntax;

	int result = json_scan(what, text, len, table, limits, &scan, e);
	if (result == 0) {
		json_pool_begin(&pool);
		prepare();
		root = json_loadb(scan.copy ? scan.copy : text, scan.copy ? scan.copy_len : len,
			JSON_REJECT_DUPLICATES, &syntax);
		result = root ? 0 : syntax_error(&r, len, &syntax);
	}
	if (result == 0 && root)
		result = is_list ? fill_list(&r, table, &top, root, into)
				 : fill(&r, table, root, into, &top);
	if (result < 0)
		json_free(table, into);
	return result;
}

int json_read(const char *what, const char *text, size_t len, const struct field *table, void *into,
	const struct json_limits *limits, struct err *e)
{
	return read_root(what, NULL, text, len, table, false, into, limits, e);
}

int json_read_text(const char *path, const struct json_text *from, const struct field *table,
	void *into, const struct json_limits *limits, struct err *e)
{
	return read_root(path, path, from->text, from->len, table, false, into, limits, e);
}

int json_read_list(const char *what, const char *text, size_t len, const struct field *list,
	void *into, const struct json_limits *limits, struct err *e)
{
	const struct field one[] = { *list, { 0 } };

	return read_root(what, NULL, text, len, one, true, into, limits, e);
}
