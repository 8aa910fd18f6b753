/*
 * A tar's headers, read strictly as they go by.
 *
 * libarchive reads what many programs have written, and guesses where a header can be taken in two
 * ways; another program may guess otherwise, and see other members in the same bytes
 * (CVE-2025-62518). So each header is read a second time, by the letter, and the archive refused
 * where it leaves a choice: pax records that are not "LENGTH key=value\n", names with a NUL in them,
 * sizes that are no numbers or are given to what has no content, extension headers without end, and
 * members that mean something to some programs only.
 */
#ifndef OVERLAY_HEADERS_H
#define OVERLAY_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/err.h"

struct headers;

/* NULL when out of memory. */
struct headers *headers_begin(void);
void headers_free(struct headers *h);

/* The next bytes, in any pieces. -ERR_DAMAGED, with the member's name. */
int headers_pass(struct headers *h, const void *data, size_t n, struct err *e);

/* Whether it did not know the beginning for a tar's, and has looked no further. */
bool headers_lost(const struct headers *h);

#endif
