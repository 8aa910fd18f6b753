/* One pass over a JSON text before it is parsed: limits, integers that jansson refuses, a lift. */
#include "spec/base/json_scan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BIG_DIGITS = 19 }; /* of INT64_MAX; a shorter integer is not above it */

/* What a byte outside of strings means to us. */
enum class { OTHER, QUOTE, NUMBER, OPEN, CLOSE, COMMA };

static const unsigned char classes[256] = {
	['"'] = QUOTE,
	['-'] = NUMBER,
	['0' ... '9'] = NUMBER,
	['{'] = OPEN,
	['['] = OPEN,
	['}'] = CLOSE,
	[']'] = CLOSE,
	[','] = COMMA,
};

static const unsigned char number_bytes[256] = {
	['0' ... '9'] = 1, ['-'] = 1, ['+'] = 1, ['.'] = 1, ['e'] = 1, ['E'] = 1
};

void json_place(const char *text, size_t offset, size_t *ret_line, size_t *ret_column)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			column++; /* the bytes that go on with a character (UTF-8) do not count */
		}
	}
	*ret_line = line;
	*ret_column = column;
}

/* The byte behind a string that begins at `at`, or `end`. */
static const char *string_end(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		if (*at == '\\' && at + 1 < end)
			at++;
	return at < end ? at + 1 : end;
}

static const char *number_end(const char *at, const char *end)
{
	while (at < end && number_bytes[(unsigned char)*at])
		at++;
	return at;
}

/* Whether these digits are an integer from INT64_MAX + 1 to UINT64_MAX. */
static bool is_big(const char *at, size_t n, uint64_t *ret)
{
	uint64_t value = 0;

	if (n < BIG_DIGITS || n > BIG_DIGITS + 1 || *at == '0')
		return false;
	for (size_t i = 0; i < n; i++)
		if (at[i] < '0' || at[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(at[i] - '0'), &value))
			return false;
	*ret = value;
	return value > INT64_MAX;
}

/* No judgement of syntax: what is no number at all will be found by the parser. */
static bool is_real(const char *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] == '.' || at[i] == 'e' || at[i] == 'E')
			return true;
	return false;
}

/* Puts `as` and blanks in the place of a number. */
static void overwrite(char *at, size_t n, const char *as)
{
	memset(at, ' ', n);
	memcpy(at, as, strnlen(as, n));
}

/* Without what is lifted out, which is "{}" there. */
static int make_copy(const char *text, size_t len, struct json_scan *scan)
{
	size_t behind = scan->lifted + scan->lifted_len;

	scan->copy = malloc(len + 1);
	if (!scan->copy)
		return -ENOMEM;
	memcpy(scan->copy, text, len);
	scan->copy_len = len;
	if (!scan->lifted_len)
		return 0;
	memcpy(scan->copy + scan->lifted, "{}", 2);
	memcpy(scan->copy + scan->lifted + 2, text + behind, len - behind);
	scan->copy_len = len - scan->lifted_len + 2;
	return 0;
}

/* The second pass, over the copy; documents without such integers never see it. */
static int rewrite(size_t n_big, struct json_scan *scan)
{
	scan->big = malloc(n_big * sizeof(*scan->big));
	if (!scan->big)
		return -ENOMEM;
	char *end = scan->copy + scan->copy_len;
	for (char *at = scan->copy; at < end;) {
		char name[BIG_DIGITS + 1];
		enum class class = classes[(unsigned char)*at];
		char *next = at + 1;
		uint64_t value;

		if (class == QUOTE)
			next = (char *)string_end(at, end);
		if (class == NUMBER) {
			next = (char *)number_end(at, end);
			if (is_big(at, (size_t)(next - at), &value)) {
				snprintf(name, sizeof(name), "%zu.5", scan->n_big);
				scan->big[scan->n_big++] = value;
				overwrite(at, (size_t)(next - at), name);
			} else if (is_real(at, (size_t)(next - at))) {
				overwrite(at, (size_t)(next - at), "0.0");
			}
		}
		at = next;
	}
	return 0;
}

static int refuse(const char *what, const char *text, const char *at, const char *limit, size_t n,
	struct err *e)
{
	size_t line, column;

	json_place(text, (size_t)(at - text), &line, &column);
	return err_say(e, EFBIG, "%s:%zu:%zu: %s %zu", what, line, column, limit, n);
}

/* Where the pass is on its way to the object that is to be lifted out. */
struct lift {
	const char *keys[JSON_TEXT_DEPTH];
	size_t n_keys, level; /* how many of the keys lead to where we are */
	const char *object;   /* that follows: the value of the next key; NULL: no such */
	size_t depth;	      /* of the object that is being lifted out; 0: not in it */
};

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
		at++;
	return at;
}

/* A string of the object that we are in: is it the key that leads on, with an object behind it? */
static void see_string(
	struct lift *l, size_t depth, const char *at, const char *next, const char *end)
{
	if (l->depth || l->level == l->n_keys || depth != l->level + 1)
		return;
	size_t n = strlen(l->keys[l->level]);
	if ((size_t)(next - at) != n + 2 || memcmp(at + 1, l->keys[l->level], n) != 0)
		return;
	next = skip_blanks(next, end);
	if (next < end && *next == ':')
		next = skip_blanks(next + 1, end);
	l->object = next < end && *next == '{' ? next : NULL;
}

static void see_open(struct lift *l, size_t depth, const char *text, const char *at,
	const char *end, struct json_scan *scan)
{
	if (at != l->object)
		return;
	l->object = NULL;
	const char *inside = skip_blanks(at + 1, end);
	if (++l->level < l->n_keys || scan->lifted_len || inside == end || *inside == '}')
		return;
	scan->lifted = (size_t)(at - text);
	l->depth = depth;
}

static void see_close(
	struct lift *l, size_t depth, const char *text, const char *at, struct json_scan *scan)
{
	if (l->depth && depth + 1 == l->depth) {
		scan->lifted_len = (size_t)(at - text) + 1 - scan->lifted;
		l->depth = 0;
	}
	l->level -= l->level && depth == l->level;
}

/* Counts a value for every comma and every bracket: never fewer than there are. */
static int count(const char *what, const char *text, size_t len, const struct json_limits *limits,
	struct lift *lift, size_t *ret_big, struct json_scan *scan, struct err *e)
{
	size_t depth = 0, values = 1, n_big = 0;
	const char *end = text + len, *next;
	uint64_t value;

	for (const char *at = text; at < end; at = next) {
		next = at + 1;
		switch ((enum class)classes[(unsigned char)*at]) {
		case QUOTE:
			next = string_end(at, end);
			see_string(lift, depth, at, next, end);
			break;
		case NUMBER:
			next = number_end(at, end);
			n_big += !lift->depth && is_big(at, (size_t)(next - at), &value);
			break;
		case OPEN:
			if (++depth > limits->depth)
				return refuse(
					what, text, at, "nested deeper than", limits->depth, e);
			see_open(lift, depth, text, at, end, scan);
			values++;
			break;
		case CLOSE:
			depth -= depth > 0;
			see_close(lift, depth, text, at, scan);
			break;
		case COMMA:
			values++;
			break;
		case OTHER:
			break;
		}
		if (values > limits->values)
			return refuse(
				what, text, at, "the number of values exceeds", limits->values, e);
	}
	*ret_big = n_big;
	return 0;
}

/* What would be a poor message from the parser, or cost too much before it comes. */
static int check_text(const char *what, const char *text, size_t len,
	const struct json_limits *limits, struct err *e)
{
	if (len > limits->bytes)
		return err_say(e, EFBIG, "%s: %zu bytes, more than the %zu allowed", what, len,
			limits->bytes);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return err_say(e, EINVAL,
			"%s:1:1: begins with a byte order mark, which JSON must not have", what);
	return skip_blanks(text, text + len) == text + len
		       ? err_say(e, EINVAL, "%s: empty document", what)
		       : 0;
}

int json_scan(const char *what, const char *text, size_t len, const struct field *table,
	const struct json_limits *limits, struct json_scan *ret, struct err *e)
{
	automatic(json_scan) struct json_scan scan = { 0 };
	struct lift lift = { 0 };
	size_t n_big = 0;

	lift.n_keys = json_text_path(table, lift.keys, JSON_TEXT_DEPTH);
	int r = check_text(what, text, len, limits, e);
	if (r == 0)
		r = count(what, text, len, limits, &lift, &n_big, &scan, e);
	if (r < 0)
		return r;
	if ((n_big || scan.lifted_len) && make_copy(text, len, &scan) < 0)
		return err_set(e, ENOMEM, "read '%s'", what);
	if (n_big && rewrite(n_big, &scan) < 0)
		return err_set(e, ENOMEM, "read '%s'", what);
	*ret = scan;
	scan = (struct json_scan){ 0 };
	return 0;
}

size_t json_scan_place(const struct json_scan *scan, size_t in_copy)
{
	return scan->lifted_len && in_copy > scan->lifted + 1 ? in_copy + scan->lifted_len - 2
							      : in_copy;
}

int json_scan_integer(const struct json_scan *scan, double real, uint64_t *ret)
{
	if (real < 0.5 || real >= (double)scan->n_big + 0.5)
		return -1;
	*ret = scan->big[(size_t)real];
	return 0;
}

void json_scan_done(struct json_scan *scan)
{
	free(scan->copy);
	free(scan->big);
	*scan = (struct json_scan){ 0 };
}
