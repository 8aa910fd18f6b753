/*
 * Bytes out of a gzip, zstd or plain input; which it is, its first bytes say.
 *
 * gzip may have many members and zstd many frames, skippable ones too. Every checksum is verified.
 * A stream that is cut off, or that something other than zeros follows, is damaged (-ERR_DAMAGED).
 * The memory in use is fixed: windows above 128 MiB are refused.
 */
#ifndef OVERLAY_INFLATE_H
#define OVERLAY_INFLATE_H

#include "overlay/input.h"

struct inflate;

/* Reads the first bytes. The input is borrowed. */
int inflate_open(struct input *in, struct inflate **ret, struct err *e);

/*
 * Up to n bytes (n at most 1 GiB), fewer only at the end; 0: the end, and the input was read to its
 * own end.
 */
ssize_t inflate_read(struct inflate *z, void *data, size_t n, struct err *e);

void inflate_free(struct inflate *z);

#endif
