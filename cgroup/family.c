/* Processes and their descendants. */
#include "cgroup/family.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "cgroup/process.h"
#include "spec/base/str.h"

struct kin {
	pid_t pid, parent;
	uint64_t start;
};

void families_done(struct families *f)
{
	free(f->v);
	*f = (struct families){ 0 };
}

static int by_parent(const void *a, const void *b)
{
	const struct kin *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int add(struct families *f, size_t *room, struct kin kin)
{
	if (f->n == *room) {
		size_t more = *room ? *room * 2 : 256;
		struct kin *v = reallocarray(f->v, more, sizeof(*v));
		if (!v)
			return -ENOMEM;
		f->v = v;
		*room = more;
	}
	f->v[f->n++] = kin;
	return 0;
}

int families_read(struct families *ret, struct err *e)
{
	automatic(families) struct families f = { 0 };
	DIR *proc = opendir("/proc");
	size_t room = 0;
	int r = 0;

	if (!proc)
		return err_set(e, errno, "open '/proc'");
	for (struct dirent *d; r == 0 && (d = readdir(proc));) {
		struct process_stat stat;
		uint64_t pid;
		if (str_to_u64(d->d_name, INT32_MAX, &pid) &&
			process_read_stat_of(dirfd(proc), (pid_t)pid, &stat) == 0)
			r = add(&f, &room,
				(struct kin){ (pid_t)pid, (pid_t)stat.parent, stat.start });
	}
	closedir(proc);
	if (r < 0)
		return err_set(e, -r, "list all processes");
	if (f.n)
		qsort(f.v, f.n, sizeof(*f.v), by_parent);
	*ret = f;
	f = (struct families){ 0 };
	return 0;
}

/* Where the children of a process begin. */
static size_t children_of(const struct families *f, pid_t parent)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (f->v[middle].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_there(const struct families *f, pid_t pid, uint64_t start)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].pid == pid)
			return !start || f->v[i].start == start;
	return false;
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/*
 * The list is the queue too. Nobody is in it twice, as each has one parent; but the processes were
 * read one after the other, so that pids used again could make a circle: n bounds it.
 */
int families_list(const struct families *f, pid_t first, uint64_t start, pid_t without, pid_t **ret,
	size_t *ret_n, struct err *e)
{
	pid_t *pids = malloc((f->n + 1) * sizeof(*pids));
	size_t n = 0;

	if (!pids)
		return err_set(e, ENOMEM, "list the descendants of process %d", (int)first);
	if (first != without && is_there(f, first, start))
		pids[n++] = first;
	for (size_t done = 0; done < n; done++)
		for (size_t i = children_of(f, pids[done]);
			i < f->n && f->v[i].parent == pids[done] && n < f->n; i++)
			if (f->v[i].pid != without)
				pids[n++] = f->v[i].pid;
	qsort(pids, n, sizeof(*pids), by_pid);
	*ret = pids;
	*ret_n = n;
	return 0;
}
