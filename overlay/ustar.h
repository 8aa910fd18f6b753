/*
 * A tar of a few files with short names, as it is written: the same bytes at any time.
 *
 * Owner 0, time 0, modes 0644 and 0755. Sizes beyond 8 GiB are written in base 256, as GNU tar does
 * and everybody reads.
 */
#ifndef OVERLAY_USTAR_H
#define OVERLAY_USTAR_H

#include <stddef.h>
#include <stdint.h>

#define USTAR_BLOCK 512

struct ustar_block {
	char bytes[USTAR_BLOCK];
};

/* The header of a file of `size` bytes, or of a directory where `name` ends in a slash. */
struct ustar_block ustar_header(const char *name, uint64_t size);

/* How many zeros follow a file of that size. */
size_t ustar_padding(uint64_t size);

#endif
