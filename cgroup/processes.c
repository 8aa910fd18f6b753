/* The processes of a group. */
#include "cgroup/cgroup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/groups.h"
#include "cgroup/knob.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

/* More than the kernel can have pids, at 8 bytes each. */
enum { PROCS_TEXT_MAX = 32 << 20 };

struct pids {
	pid_t *v;
	size_t n, room;
};

static int add(struct pids *pids, pid_t pid)
{
	if (pids->n == pids->room) {
		size_t room = pids->room ? pids->room * 2 : 64;
		pid_t *v = reallocarray(pids->v, room, sizeof(*v));
		if (!v)
			return -ENOMEM;
		pids->v = v;
		pids->room = room;
	}
	pids->v[pids->n++] = pid;
	return 0;
}

static int add_own(int fd, struct pids *pids)
{
	autofree char *text = NULL;
	struct err ignored;
	size_t n;
	int r = fd_read_file(fd, "cgroup.procs", PROCS_TEXT_MAX, &text, &n, &ignored);

	/* A threaded group: its processes are listed by the domain that it belongs to. */
	if (r == -EOPNOTSUPP)
		return 0;
	for (char *at = text; r == 0 && *at;) {
		long pid = strtol(at, &at, 10);
		/* 0: of a pid namespace that we cannot see into. */
		if (pid > 0)
			r = add(pids, (pid_t)pid);
		at += strspn(at, "\n");
	}
	return r;
}

/* Groups that vanish meanwhile hold nothing any more. */
static int add_below(void *context, const char *path, int fd, struct err *e)
{
	int r = fd < 0 ? fd : add_own(fd, context);

	(void)path;
	return r < 0 && !knob_is_gone(r) ? err_set(e, -r, "list the processes of the cgroup") : 0;
}

static int compare(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* A process that moves while we read is seen twice. */
static size_t sort_unique(pid_t *v, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(v, n, sizeof(*v), compare);
	for (size_t i = 0; i < n; i++)
		if (!kept || v[kept - 1] != v[i])
			v[kept++] = v[i];
	return kept;
}

int cgroup_processes(int fd, bool recursive, pid_t **ret, size_t *ret_n, struct err *e)
{
	struct pids pids = { 0 };
	int r = add_own(fd, &pids);

	if (r < 0)
		knob_error(e, -r, "list the processes of the cgroup");
	else if (recursive)
		r = groups_walk(fd, add_below, &pids, e);
	if (r < 0) {
		free(pids.v);
		return r;
	}
	*ret_n = sort_unique(pids.v, pids.n);
	*ret = pids.v;
	return 0;
}
