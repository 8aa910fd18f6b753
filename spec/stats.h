/*
 * What `events` tells of a container, in the words of other runtimes, which come from cgroup v1.
 * What the host cannot tell is absent, never 0. Bytes, nanoseconds, counts.
 */
#ifndef SPEC_STATS_H
#define SPEC_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "spec/base/json.h"
#include "spec/base/opt.h"

struct memory_figures {
	struct opt_u64 limit, usage, max; /* limit: UINT64_MAX is none; max: the most so far */
	struct opt_u64 failcnt;		  /* how often the limit was met */
};

struct block_figure {
	uint32_t major, minor;
	char *op; /* "Read", "Write" */
	uint64_t value;
};

struct hugepage_figures {
	char *size; /* "2MB" */
	struct opt_u64 usage, failcnt;
};

/* The texts are JSON as it is written: objects of many numbers and lists of numbers. */
struct stats {
	struct {
		struct opt_u64 total, kernel, user;
		struct opt_u64 periods, throttled_periods, throttled_time;
		struct json_text psi;
	} cpu;
	struct json_text cpus, mems; /* lists */
	struct {
		struct opt_u64 cache;
		struct memory_figures usage, swap; /* swap: memory and swap together */
		struct json_text raw, psi;
	} memory;
	struct opt_u64 pids, pids_limit;
	struct block_figure *bytes, *operations;
	size_t n_bytes, n_operations;
	struct json_text io_psi;
	struct hugepage_figures *hugepages;
	size_t n_hugepages;
};

void stats_done(struct stats *s);
DEFINE_AUTO(stats, stats_done)

/* {"type":"stats","id":"ID","data":{...}}, and {"type":"oom","id":"ID"}; no newline behind them. */
void stats_write(const char *id, const struct stats *s, struct str *out);
void stats_write_oom(const char *id, struct str *out);

#endif
