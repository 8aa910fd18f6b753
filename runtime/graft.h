/*
 * A program that is put into another process: a static position-independent ELF file without a libc,
 * as bytes in memory. Its only relocations are addresses of its own.
 */
#ifndef RUNTIME_GRAFT_H
#define RUNTIME_GRAFT_H

#include <stddef.h>
#include <stdint.h>

#include "spec/base/err.h"

enum { GRAFT_SEGMENTS_MAX = 4 };

struct graft_segment {
	size_t begin, end; /* in the graft's memory, whole pages; no two overlap */
	size_t filled;	   /* its end in the file: what is behind is 0 */
	int protection;	   /* PROT_* */
};

struct graft {
	const unsigned char *file; /* borrowed */
	size_t n_file;
	size_t size;  /* of its memory, whole pages */
	size_t entry; /* in it */
	struct graft_segment segments[GRAFT_SEGMENTS_MAX];
	int n_segments;
};

/* -EINVAL for what is no such file. */
int graft_read(const void *file, size_t n, struct graft *ret, struct err *e);

/* Its memory, `size` bytes that are 0, as it is when it lies at address `base`. */
int graft_place(const struct graft *b, uint64_t base, unsigned char *memory, struct err *e);

#endif
