/*
 * One pass over a JSON text before it is parsed.
 *
 * It does what jansson cannot: it bounds depth and count before anything is allocated, and it finds
 * the integers above INT64_MAX, which jansson refuses ("too big integer") although OCI documents
 * have them: 18446744073709551615 is "unlimited". Those are rewritten, in a copy of the text, as
 * reals of the same width, so that lines and columns stay: the n-th becomes "<n>.5" and blanks. No
 * field takes a real, so true ones only have to be told apart; in the copy they become "0.0".
 *
 * It also lifts out the one object that a table wants as text (FIELD_TEXT): in the copy it is "{}",
 * so the parser never makes values of it. (A seccomp profile is nine tenths of a config.json, and
 * most often one whose filter we have.) Brackets inside are only counted; whoever reads the text
 * later finds what is wrong with it.
 *
 * Nothing is judged here but limits and what the parser would have a poor message for: wrong syntax
 * passes, for the parser to find.
 */
#ifndef SPEC_BASE_JSON_SCAN_H
#define SPEC_BASE_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "spec/base/json.h"

enum { JSON_TEXT_DEPTH = 4 }; /* of the keys that lead to a FIELD_TEXT */

struct json_scan {
	char *copy; /* the text to parse instead; NULL: the text itself will do */
	size_t copy_len;
	uint64_t *big; /* the integers above INT64_MAX, in document order */
	size_t n_big;
	size_t lifted, lifted_len; /* the object that was lifted out, in the text; len 0: none */
};

/* The keys that lead to the FIELD_TEXT of a table; how many they are, 0: none that fits `room`. */
size_t json_text_path(const struct field *table, const char **ret_keys, size_t room);

/*
 * `table`: what will be filled. -EINVAL for an empty document and one with a byte order mark,
 * -EFBIG beyond a limit, with the place. The caller ends it with json_scan_done().
 */
int json_scan(const char *what, const char *text, size_t len, const struct field *table,
	const struct json_limits *limits, struct json_scan *ret, struct err *e);

/* A byte of the text, by its place in the copy. */
size_t json_scan_place(const struct json_scan *scan, size_t in_copy);
void json_scan_done(struct json_scan *scan);
DEFINE_AUTO(json_scan, json_scan_done)

/* The integer that a rewritten real stands for: 0 and the value, or -1 for a true real. */
int json_scan_integer(const struct json_scan *scan, double real, uint64_t *ret);

/* Line and column, both from 1, of a byte; columns count characters. */
void json_place(const char *text, size_t offset, size_t *ret_line, size_t *ret_column);

#endif
