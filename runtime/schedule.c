/* CPU time, I/O priority and CPUs of a process. */
#include "runtime/schedule.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spec/number_list.h"

static long set_cpus(pid_t pid, const struct number_list *list)
{
	return syscall(SYS_sched_setaffinity, pid, sizeof(list->bits), list->bits);
}

static int bind_to(pid_t pid, const char *cpus, const char *key, struct err *e)
{
	struct number_list list;

	if (!number_list_read(cpus, &list) || set_cpus(pid, &list) < 0)
		return err_set(
			e, errno, "process.execCPUAffinity.%s: bind to the CPUs '%s'", key, cpus);
	return 0;
}

/*
 * A runtime that is bound to a few CPUs, as by an engine that is, must not bind what it starts: the
 * container's cgroup says where it may run (runc does so since 1.2). Whether it worked is not
 * asked: who may not do this is left where he is.
 */
static void free_cpus(pid_t pid)
{
	struct number_list all;

	memset(all.bits, 0xff, sizeof(all.bits));
	set_cpus(pid, &all);
}

static int set_scheduler(pid_t pid, const struct schedule *s, struct err *e)
{
	const struct scheduler_spec *from = s->scheduler;
	struct sched_attr attr = {
		.size = sizeof(attr),
		.sched_policy = (uint32_t)from->policy - 1,
		.sched_nice = from->nice,
		.sched_priority = (uint32_t)from->priority,
		.sched_runtime = from->runtime,
		.sched_deadline = from->deadline,
		.sched_period = from->period,
	};

	for (size_t i = 0; i < from->n_flags; i++)
		attr.sched_flags |= (uint64_t)from->flags[i];
	if (syscall(SYS_sched_setattr, pid, &attr, 0) == 0)
		return 0;
	/* sched_setattr(2): such a process must be able to run on every CPU. */
	if (errno == EPERM && from->policy - 1 == SCHED_DEADLINE && s->cpuset)
		return err_say(e, EPERM,
			"process.scheduler: process scheduler can't be used together with AllowedCPUs (linux.resources.cpu.cpus '%s')",
			s->cpuset);
	return err_set(e, errno, "process.scheduler: set policy and parameters");
}

int schedule_process(pid_t pid, const struct schedule *s, struct err *e)
{
	int r = 0;

	if (s->cpus)
		r = bind_to(pid, s->cpus, "final", e);
	else if (!s->initial_cpus)
		free_cpus(pid);
	if (r == 0 && s->scheduler)
		r = set_scheduler(pid, s, e);
	if (r == 0 && s->priority &&
		syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid,
			IOPRIO_PRIO_VALUE(s->priority->io_class, s->priority->priority)) < 0)
		r = err_set(e, errno, "process.ioPriority: set class and priority");
	return r == -ESRCH ? 0 : r;
}

int schedule_ourselves(const struct schedule *s, struct err *e)
{
	return s->initial_cpus ? bind_to(0, s->initial_cpus, "initial", e) : 0;
}
