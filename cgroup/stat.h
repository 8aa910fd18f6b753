/*
 * What a cgroup uses, as the kernel counts it.
 *
 * A figure that the host cannot tell (an older kernel, a controller that is not there) is not
 * `set`. Where the file says "max" it is UINT64_MAX. Bytes, microseconds, or counts since the
 * group was made.
 */
#ifndef CGROUP_STAT_H
#define CGROUP_STAT_H

#include <stddef.h>
#include <stdint.h>

#include "spec/base/err.h"
#include "spec/base/opt.h"

struct cgroup_stat {
	struct {
		struct opt_u64 current, peak, max, low; /* peak: since 5.19 */
		struct opt_u64 swap, swap_peak, swap_max;
		/* memory.stat: bytes */
		struct opt_u64 anon, file, shmem, file_mapped, file_dirty, inactive_file;
		struct opt_u64 kernel, kernel_stack, pagetables, slab, sock, percpu, vmalloc;
		struct opt_u64 faults, major_faults; /* counts */
	} memory;
	struct {
		struct opt_u64 low, high, max, oom, oom_kill, oom_group_kill;
	} memory_events;
	struct {
		struct opt_u64 usage_usec, user_usec, system_usec;
		struct opt_u64 periods, throttled, throttled_usec;
	} cpu;
	struct {
		struct opt_u64 current, peak, max; /* peak: since 6.1 */
	} pids;
};

/* Reads all of it, one file after the other: no snapshot. -ENODEV when the group is gone. */
int cgroup_stat_read(int fd, struct cgroup_stat *ret, struct err *e);

/* How many processes were killed for lack of memory, in it or below. -ENOENT: cannot tell. */
int cgroup_oom_kills(int fd, uint64_t *ret);

/*
 * "out of memory (limit 32 MiB, peak 32 MiB)", as far as the host can tell. Returns `out`. For a
 * group that had an OOM kill; without a limit of its own it says whose limit it may have been.
 */
enum { CGROUP_OOM_TEXT = 128 };
char *cgroup_oom_text(int fd, char out[CGROUP_OOM_TEXT]);

/* Pure: takes up what `text`, the content of `file` ("memory.stat"), says. */
void cgroup_stat_parse(const char *file, const char *text, struct cgroup_stat *into);

#endif
