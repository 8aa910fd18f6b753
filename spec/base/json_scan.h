/*
 * One pass over a JSON text before it is parsed.
 *
 * It does what jansson cannot: it bounds depth and count before anything is allocated, and it finds
 * the integers above INT64_MAX, which jansson refuses ("too big integer") although OCI documents
 * have them: 18446744073709551615 is "unlimited". Those are rewritten, in a copy of the text, as
 * reals of the same width, so that lines and columns stay: the n-th becomes "<n>.5" and blanks. No
 * field takes a real, so true ones only have to be told apart; in the copy they become "0.0".
 *
 * Nothing is judged here but limits: wrong syntax passes, for the parser to find.
 */
#ifndef SPEC_BASE_JSON_SCAN_H
#define SPEC_BASE_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "spec/base/json.h"

struct json_scan {
	char *copy;    /* the text to parse instead; NULL: the text itself will do */
	uint64_t *big; /* the integers above INT64_MAX, in document order */
	size_t n_big;
};

/* -EFBIG beyond a limit, with the place. The caller ends it with json_scan_done(). */
int json_scan(const char *what, const char *text, size_t len, const struct json_limits *limits,
	struct json_scan *ret, struct err *e);
void json_scan_done(struct json_scan *scan);
DEFINE_AUTO(json_scan, json_scan_done)

/* The integer that a rewritten real stands for: 0 and the value, or -1 for a true real. */
int json_scan_integer(const struct json_scan *scan, double real, uint64_t *ret);

/* Line and column, both from 1, of a byte; columns count characters. */
void json_place(const char *text, size_t offset, size_t *ret_line, size_t *ret_column);

#endif
