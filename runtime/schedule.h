/*
 * How a process of ours is scheduled, from outside of it: by its pid, before its program runs.
 *
 * The parent has the privilege that this takes (CAP_SYS_NICE out here), whatever user namespace the
 * process is in by then.
 */
#ifndef RUNTIME_SCHEDULE_H
#define RUNTIME_SCHEDULE_H

#include <sys/types.h>

#include "spec/spec.h"

struct schedule {
	const struct scheduler_spec *scheduler;	 /* NULL: as it is */
	const struct io_priority_spec *priority; /* NULL: as it is */
	const char
		*initial_cpus; /* a list: ours, before it is born in its cgroup; NULL: as we are */
	const char *cpus; /* its own; NULL: the kernel's choice behind `initial_cpus`, else all that
			     its cgroup has, whatever we are bound to */
	const char *cpuset; /* linux.resources.cpu.cpus, to explain a refusal */
};

/* A process that has ended is no error: others tell why it did. */
int schedule_process(pid_t pid, const struct schedule *s, struct err *e);

/* Binds ourselves, and so what we clone next, to the initial CPUs. */
int schedule_ourselves(const struct schedule *s, struct err *e);

#endif
