/*
 * Text: a string that grows, and strict readings of numbers.
 *
 * `struct str` owns its bytes (str_done); `data` is always terminated, NULL only while nothing was
 * ever added. Growth that fails is remembered, so that a run of additions is checked once, at the
 * end, by str_ok().
 */
#ifndef SPEC_BASE_STR_H
#define SPEC_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/own.h"

struct str {
	char *data;
	size_t len, room;
	bool failed;
};

void str_add(struct str *s, const char *text);
void str_add_bytes(struct str *s, const void *bytes, size_t n);
void str_addf(struct str *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool str_ok(const struct str *s);
void str_done(struct str *s);
DEFINE_AUTO(str, str_done)

/* A new string, the caller's; NULL when out of memory. */
char *str_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Digits only: no sign, space, hexadecimal, or leading zero beside "0" itself. False, and nothing
 * set, when `text` is anything else or above `max`. (Lenient readers have been root holes:
 * CVE-2026-30892, CVE-2024-40635.)
 */
bool str_to_u64(const char *text, uint64_t max, uint64_t *ret);

/* Bytes as people write them: 512, 64k, 32m, 32MiB, 1.5g (powers of 1024); "-1" is UINT64_MAX. */
bool str_to_bytes(const char *text, uint64_t *ret);

/* Bytes as people read them, into `out`: "41.2 MiB", "420 KiB", "17 B". Returns `out`. */
char *str_human(uint64_t bytes, char out[16]);

/* The bytes of the UTF-8 character that `text` begins with, 0 when it is none (overlong and surrogate
 * ones too). */
size_t str_utf8_length(const char *text);

bool str_starts(const char *text, const char *prefix);
bool str_equal(const char *a, const char *b); /* NULL equals NULL only */

#endif
