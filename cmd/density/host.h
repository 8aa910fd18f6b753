/* This host: what it is, for whoever reads the results, and what its memory is used for. */
#ifndef CMD_DENSITY_HOST_H
#define CMD_DENSITY_HOST_H

#include <stdint.h>

#include "spec/base/err.h"
#include "spec/base/json.h"
#include "spec/base/own.h"

struct host {
	char *kernel, *machine, *cpu;
	uint64_t processors, memory_bytes, swap_bytes;
	char *huge_pages, *merging, *swappiness, *overcommit; /* as the kernel writes them */
	char *records; /* the file system that records and state of containers are on */
	char *version; /* ours, with the commit */
};

extern const struct field host_fields[];

/* What cannot be told is left out. `records`: a directory of theirs. */
int host_read(int records, struct host *ret, struct err *e);
void host_done(struct host *h);
DEFINE_AUTO(host, host_done)

/* Bytes. */
struct host_memory {
	uint64_t available, slab, kernel_stacks, page_tables, per_cpu;
	uint64_t unused; /* free, or page cache of files */
};

/*
 * Of /proc/meminfo, in a moment. What is on the processors' own lists of free pages, which can be
 * hundreds of MiB, counts as used there.
 */
int host_memory_read(struct host_memory *ret, struct err *e);

/* The same with these lists, and with the sums that each processor keeps for itself added up. */
int host_memory_sum(struct host_memory *ret, struct err *e);

#endif
