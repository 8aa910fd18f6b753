/*
 * What a trial has shown: one object of trials.jsonl. Bytes and microseconds; null where the host
 * cannot tell.
 */
#ifndef CMD_DENSITY_RESULT_H
#define CMD_DENSITY_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroup/census.h"
#include "spec/base/json.h"
#include "spec/base/opt.h"

/* Of the values of all containers of a trial, or of all trials of a cell. */
struct spread {
	uint64_t median, p10, p90, most;
};

/* Each container's, medians: the parts of a stacked bar. */
struct portion {
	struct opt_u64 anon, forked, file, shmem, ksm; /* private to it */
	struct opt_u64 kernel, monitor, cost, unique, shared;
	struct opt_u64 swap; /* its memory that is not in memory */
};

struct result {
	char *variant, *way;
	uint64_t count, repetition;
	uint64_t started;     /* fewer than count: why says what was in the way */
	struct opt_u64 alive; /* of these, when they were measured */
	bool exact, settled;
	char *why;		 /* not exact, or not all were started */
	uint64_t up_us, down_us; /* from the first start to the last; and back */
	struct spread start_us, stop_us;
	struct portion each;
	struct opt_u64 union_bytes, unshared_bytes, saved_bytes, cost_bytes; /* of all together */
	struct opt_u64 template; /* what it has for itself that they are forks of */
	/* What the host had less when they were up: all that they cost, whatever it is. */
	struct opt_i64 taken, slab, kernel_stacks, page_tables, per_cpu;
	struct opt_u64 noise; /* by which the host's memory moved while nothing was under way */
};

extern const struct field result_fields[];
extern const struct field spread_fields[], portion_fields[];

/* Sorts `v`. Zeros for none. */
struct spread spread_of(uint64_t *v, size_t n);

/*
 * The figures of a census, over its usages, when `started` is set: a template is in what all have
 * together, and in nothing that is of each. -ENOMEM.
 */
int result_measure(struct result *r, const struct census *c);

void result_done(struct result *r);
DEFINE_AUTO(result, result_done)

#endif
