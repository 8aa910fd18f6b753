/*
 * How many page faults processes have, counted by the kernel as they happen (perf_event_open).
 *
 * Nothing is stopped or sampled: counters only. Write-protect faults, those on a page that is there
 * and may not be written, are told by the tracepoints exceptions:page_fault_user and
 * page_fault_kernel (the same while the kernel copies to the process, as in read(2)), with a filter
 * on the error code. Each such fault is a copy of a page, or, by the last who shows it, its taking
 * over; a shared mapping of a file has them too, as its pages are cleaned. Only x86-64 tells them.
 *
 * A cgroup is counted as a whole, with all that is and will be in it and below, where perf's
 * controller is in v2; else the threads that are there, and all their descendants. LIMIT: in the
 * second way a process that enters from outside later is not counted, nor a thread that is born
 * while we begin, and processors that come later are not counted in the first.
 */
#ifndef CGROUP_FAULTS_H
#define CGROUP_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "spec/base/err.h"
#include "spec/base/opt.h"
#include "spec/base/own.h"

enum fault_kind { FAULT_WRITE_PROTECT, FAULT_MINOR, FAULT_MAJOR, FAULT_KINDS };

struct fault_counts {
	struct opt_u64 of[FAULT_KINDS]; /* since the beginning; unset: cannot be counted */
};

struct fault_fd;

struct fault_counters {
	struct fault_fd *fds;
	size_t n, room;
	bool by_group;
	struct err why[FAULT_KINDS]; /* code 0: counted */
};

/*
 * Begins to count. `group`: a cgroup, -1: none; else, or where that cannot be, these processes.
 * Fails for want of memory only: what cannot be counted is unset,
 * and `why` says the reason.
 */
int fault_counters_open(
	struct fault_counters *c, int group, const pid_t *pids, size_t n, struct err *e);
void fault_counters_done(struct fault_counters *c);
DEFINE_AUTO(fault_counters, fault_counters_done)

struct fault_counts fault_counters_read(const struct fault_counters *c);

#endif
