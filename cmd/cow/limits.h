/*
 * What a container may use, as options in the spelling of docker and podman: one table of rows for
 * whichever command makes containers.
 */
#ifndef CMD_COW_LIMITS_H
#define CMD_COW_LIMITS_H

#include "cmd/options.h"
#include "runtime/launch.h"

struct limit_words {
	struct resources limits; /* numbers; it owns nothing */
	struct opt_i64 shm_size;
	const char *cpus, *cpuset_cpus, *cpuset_mems, *oom_score, *cgroup_parent;
	struct option_list ulimits, devices;
};

#define LIMIT_ROW(type, words, name, letter, kind, member, value, help)                            \
	{                                                                                          \
		name, letter, kind, offsetof(type, words.member), value, help                      \
	}

/* `words`: the member of `type` that is a struct limit_words. */
#define LIMIT_ROWS(type, words)                                                                    \
	LIMIT_ROW(type, words, "memory", 'm', OPTION_BYTES, limits.memory.limit, "SIZE",           \
		"what it may use (64m); beyond, it is killed"),                                    \
		LIMIT_ROW(type, words, "memory-reservation", 0, OPTION_BYTES,                      \
			limits.memory.reservation, "SIZE",                                         \
			"memory that is not reclaimed before others'"),                            \
		LIMIT_ROW(type, words, "memory-swap", 0, OPTION_BYTES, limits.memory.swap, "SIZE", \
			"memory and swap together; -1: any"),                                      \
		LIMIT_ROW(type, words, "shm-size", 0, OPTION_BYTES, shm_size, "SIZE",              \
			"of /dev/shm (64m)"),                                                      \
		LIMIT_ROW(type, words, "cpus", 0, OPTION_TEXT, cpus, "N",                          \
			"how many CPUs' time it gets (1.5)"),                                      \
		LIMIT_ROW(type, words, "cpu-period", 0, OPTION_UNSIGNED, limits.cpu.period, "US",  \
			"length of a period"),                                                     \
		LIMIT_ROW(type, words, "cpu-quota", 0, OPTION_SIGNED, limits.cpu.quota, "US",      \
			"cpu time in each period"),                                                \
		LIMIT_ROW(type, words, "cpu-shares", 'c', OPTION_UNSIGNED, limits.cpu.shares, "N", \
			"cpu time beside others (1024: as usual)"),                                \
		LIMIT_ROW(type, words, "cpuset-cpus", 0, OPTION_TEXT, cpuset_cpus, "LIST",         \
			"the CPUs (0-3,7)"),                                                       \
		LIMIT_ROW(type, words, "cpuset-mems", 0, OPTION_TEXT, cpuset_mems, "LIST",         \
			"the memory nodes"),                                                       \
		LIMIT_ROW(type, words, "blkio-weight", 0, OPTION_UNSIGNED, limits.block_io.weight, \
			"N", "block devices' time beside others (10 to 1000)"),                    \
		LIMIT_ROW(type, words, "pids-limit", 0, OPTION_SIGNED, limits.pids.limit, "N",     \
			"how many processes and threads; 0: any"),                                 \
		LIMIT_ROW(type, words, "oom-score-adj", 0, OPTION_TEXT, oom_score, "N",            \
			"who is killed first for want of memory (-1000 to 1000)"),                 \
		LIMIT_ROW(type, words, "ulimit", 0, OPTION_LIST, ulimits, "NAME=SOFT[:HARD]",      \
			"a limit of each process (nofile=1024)"),                                  \
		LIMIT_ROW(type, words, "device", 0, OPTION_LIST, devices, "PATH[:PATH][:rwm]",     \
			"a device of the host, and where it is in the container"),                 \
		LIMIT_ROW(type, words, "cgroup-parent", 0, OPTION_TEXT, cgroup_parent, "PATH",     \
			"the group that its own is made in")

/* What derive_options borrows of it. */
struct limits {
	struct rlimit_spec *rlimits;
	struct derive_device *devices;
	size_t n_rlimits, n_devices;
};

void limits_done(struct limits *l);
DEFINE_AUTO(limits, limits_done)

/* `ret` and `words` must outlive `o`. */
int limits_read(const struct limit_words *words, struct limits *ret, struct launch_options *o,
	struct err *e);

#endif
