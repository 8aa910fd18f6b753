/* What a program has of whoever starts it. */
#include "runtime/creator.h"

#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/sched/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/procfs.h"
#include "spec/base/fd.h"

enum { KEEP_CAPS = 1 << 4, NODES = 1024 };

static bool is_planned(const struct plan_rlimit *limits, uint32_t n, uint32_t resource)
{
	for (uint32_t i = 0; i < n; i++)
		if (limits[i].resource == resource)
			return true;
	return false;
}

static void plan_limits(struct draft *d)
{
	struct plan_rlimit all[2 * RLIM_NLIMITS];
	uint32_t n = d->plan.n_rlimits;
	struct rlimit ours;

	/* No limit is there twice (validate.c); draft_finish() tells of a failure. */
	if (n > RLIM_NLIMITS || d->block.failed)
		return;
	if (n)
		memcpy(all, d->block.data + d->plan.rlimits, n * sizeof(all[0]));
	for (const struct enum_name *row = rlimit_names; row->name; row++) {
		uint32_t resource = (uint32_t)row->value - 1;
		if (is_planned(all, d->plan.n_rlimits, resource) ||
			getrlimit((__rlimit_resource_t)resource, &ours) < 0)
			continue;
		all[n++] = (struct plan_rlimit){ .resource = resource,
			.name = draft_text(d, row->name),
			.soft = ours.rlim_cur,
			.hard = ours.rlim_max };
	}
	d->plan.n_rlimits = n;
	d->plan.rlimits = draft_list(d, all, n * sizeof(all[0]));
}

/* ENOSYS: this kernel has none, and so nobody has another. */
static void plan_memory_policy(struct draft *d)
{
	uint64_t nodes[NODES / 64] = { 0 };
	int mode = 0;

	if (d->plan.memory_policy || syscall(SYS_get_mempolicy, &mode, nodes, NODES, NULL, 0) < 0)
		return;
	struct plan_memory_policy row = {
		.mode = (uint32_t)mode,
		.n_nodes =
			mode ? NODES - 1 : 0, /* one less: the child adds one, as kernels count */
		.name = draft_text(d, "of its creator"),
		.list = draft_text(d, ""),
	};
	row.nodes = draft_list(d, nodes, sizeof(nodes));
	d->plan.memory_policy = draft_list(d, &row, sizeof(row));
}

void creator_plan(struct draft *d)
{
	struct plan_creator row = {
		.timer_slack_ns = (uint64_t)prctl(PR_GET_TIMERSLACK),
		.securebits = (uint32_t)prctl(PR_GET_SECUREBITS) & ~(uint32_t)KEEP_CAPS,
		.personality = (uint32_t)personality(0xffffffff),
	};

	plan_limits(d);
	plan_memory_policy(d);
	d->plan.creator = draft_list(d, &row, sizeof(row));
}

static int follow_policy(pid_t pid, struct err *e)
{
	struct sched_attr ours = { 0 }, its = { 0 };

	if (syscall(SYS_sched_getattr, 0, &ours, sizeof(ours), 0) < 0 ||
		syscall(SYS_sched_getattr, pid, &its, sizeof(its), 0) < 0)
		return err_set(e, errno, "find out how process %d is scheduled", (int)pid);
	/* Asked for only where it is another: to have more than the template may take a privilege. */
	if (ours.sched_policy == its.sched_policy && ours.sched_nice == its.sched_nice &&
		ours.sched_priority == its.sched_priority)
		return 0;
	if (syscall(SYS_sched_setattr, pid, &ours, 0) < 0)
		return err_set(e, errno,
			"schedule a fork as its creator is (nice %d), and not as its template",
			ours.sched_nice);
	return 0;
}

static int follow_io_priority(pid_t pid, struct err *e)
{
	long ours = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);
	long its = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid);

	if (ours != its && ours >= 0 && syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, ours) < 0)
		return err_set(e, errno, "give a fork the I/O priority of its creator");
	return 0;
}

static int read_oom_score(const char *path, int *ret, struct err *e)
{
	char text[16] = "";
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fd_read_full(fd, text, sizeof(text) - 1) <= 0)
		return err_set(e, errno, "read '%s'", path);
	*ret = atoi(text);
	return 0;
}

static int follow_oom_score(pid_t pid, struct err *e)
{
	char path[48], text[16];
	int ours = 0, its = 0;

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	int r = read_oom_score("/proc/self/oom_score_adj", &ours, e);
	if (r == 0)
		r = read_oom_score(path, &its, e);
	if (r < 0 || ours == its)
		return r;
	autofd int proc = procfs_open(e);
	if (proc < 0)
		return proc;
	autofd int fd = fd_open_beneath(proc, path + strlen("/proc/"), O_WRONLY);
	int n = snprintf(text, sizeof(text), "%d", ours);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		return err_set(e, fd < 0 ? -fd : errno,
			"set the oom_score_adj of a fork to that of its creator (%d)", ours);
	return 0;
}

int creator_schedule(pid_t pid, const struct process_spec *p, struct err *e)
{
	int r = p->scheduler ? 0 : follow_policy(pid, e);

	if (r == 0 && !p->io_priority)
		r = follow_io_priority(pid, e);
	if (r == 0 && !p->oom_score_adj.set)
		r = follow_oom_score(pid, e);
	/* Of one that has ended others tell why it did. */
	return r == -ESRCH || r == -ENOENT ? 0 : r;
}
