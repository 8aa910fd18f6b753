/* Families of processes. */
#include "cgroup/origin.h"

#include <linux/kcmp.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int by_age(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->stat.start != y->stat.start)
		return x->stat.start < y->stat.start ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

void candidates_sort(struct candidate *all, size_t n)
{
	if (n)
		qsort(all, n, sizeof(*all), by_age);
}

static bool is_kin(const struct process_stat *a, const struct process_stat *b)
{
	return a->stack && a->stack == b->stack && a->code == b->code && a->brk == b->brk;
}

static pid_t owner(const struct candidate *c)
{
	return c->stat.thread ? c->stat.thread : c->pid;
}

static bool share_memory(const struct candidate *a, const struct candidate *b)
{
	return syscall(SYS_kcmp, owner(a), owner(b), KCMP_VM, 0, 0) == 0;
}

/* Whether that process lives, and has memory like `self`'s that is not the same. */
static bool may_be(int proc, const struct candidate *self, pid_t pid, struct candidate *ret)
{
	struct candidate c = { .pid = pid };

	if (pid <= 0 || pid == self->pid || process_read_stat_of(proc, pid, &c.stat) < 0 ||
		c.stat.zombie || !is_kin(&c.stat, &self->stat) || share_memory(&c, self))
		return false;
	*ret = c;
	return true;
}

enum relation origin_find(int proc, const struct candidate *all, size_t n, size_t number,
	pid_t template, struct candidate *ret)
{
	const struct candidate *self = &all[number];

	if (!(self->stat.flags & PROCESS_FORKED))
		return RELATION_NONE;
	if (may_be(proc, self, (pid_t)self->stat.parent, ret))
		return RELATION_PARENT;
	if (may_be(proc, self, template, ret))
		return RELATION_TEMPLATE;
	for (size_t i = 0; i < number && i < n; i++)
		if (is_kin(&all[i].stat, &self->stat) && may_be(proc, self, all[i].pid, ret))
			return RELATION_RELATIVE;
	return RELATION_NONE;
}
