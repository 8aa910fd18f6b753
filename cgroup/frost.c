/*
 * The reader's side of an instant: which groups may be frozen, a guardian for them, and what became
 * of it.
 */
#include "cgroup/frost.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cgroup/guardian.h"
#include "cgroup/hierarchy.h"
#include "cgroup/kin.h"
#include "cgroup/witness.h"
#include "spec/base/sys.h"

#define FIRST_PID_NAMESPACE 0xEFFFFFFCU /* the inode that the kernel gives it */

/* A guardian that does not answer for so long is stopped, or worse. */
#define ANSWER_MS 2000

/* --- what can be frozen -------------------------------------------------------------------------- */

static bool can_guard(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == FIRST_PID_NAMESPACE;
}

static int by_inode(const void *a, const void *b)
{
	const struct guarded *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* Sorted, each once: two locks of one group would wait for each other. */
static void add_groups(struct guard *g, const int *groups, size_t n, const struct kin *kin)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct stat st;
		if (groups[i] < 0 || fstat(groups[i], &st) < 0 || !S_ISDIR(st.st_mode) ||
			kin_has(kin, st.st_dev, st.st_ino))
			continue;
		g->groups[g->n++] = (struct guarded){ .dev = st.st_dev,
			.ino = st.st_ino,
			.group = groups[i],
			.freeze = -1,
			.lock = FREEZE_LOCK_NONE };
	}
	if (g->n)
		qsort(g->groups, g->n, sizeof(g->groups[0]), by_inode);
	for (size_t i = 0; i < g->n; i++)
		if (!kept || by_inode(&g->groups[kept - 1], &g->groups[i]) != 0)
			g->groups[kept++] = g->groups[i];
	g->n = kept;
}

static uint64_t price_of(int group)
{
	autofree pid_t *pids = NULL;
	size_t n = 0;
	struct err ignored;

	return cgroup_processes(group, true, &pids, &n, &ignored) < 0 ? 0 : guardian_price(n);
}

/*
 * What takes too long to freeze shall not be begun with: one group with thousands of processes, or
 * that many groups.
 */
static void drop_dear(struct guard *g, uint64_t patience)
{
	size_t kept = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < g->n; i++) {
		uint64_t price = price_of(g->groups[i].group);
		if (price > patience)
			continue;
		sum += price;
		g->groups[kept++] = g->groups[i];
	}
	g->n = sum > patience ? 0 : kept;
}

static void find_places(struct frost *f, const int *groups)
{
	for (size_t i = 0; i < f->n; i++) {
		struct stat st;
		f->places[i] = SIZE_MAX;
		if (groups[i] < 0 || fstat(groups[i], &st) < 0)
			continue;
		struct guarded key = { .dev = st.st_dev, .ino = st.st_ino };
		const struct guarded *found =
			bsearch(&key, f->guard->groups, f->guard->n, sizeof(key), by_inode);
		if (found)
			f->places[i] = (size_t)(found - f->guard->groups);
	}
}

static int make_guard(
	struct frost *f, const int *groups, size_t n, uint64_t bytes, const struct kin *kin)
{
	f->guard_size = sizeof(*f->guard) + n * sizeof(f->guard->groups[0]);
	void *memory = mmap(
		NULL, f->guard_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	f->guard = memory;
	f->places = calloc(n + 1, sizeof(*f->places));
	if (!f->places)
		return -ENOMEM;
	f->n = n;
	f->guard->bytes = bytes;
	add_groups(f->guard, groups, n, kin);
	drop_dear(f->guard, guardian_freeze_patience(bytes));
	find_places(f, groups);
	return 0;
}

/* --- the guardian and its witness --------------------------------------------------------------------------------- */

/*
 * A child that nobody's wait() comes across: it sends no signal when it ends. In the root's group
 * where that may be, so that it outlives also who kills or removes the whole group that we are in.
 */
static pid_t fork_child(int root, int *ret_pidfd)
{
	struct clone_args args = { .flags = CLONE_PIDFD | CLONE_INTO_CGROUP,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.cgroup = (uint64_t)root };
	pid_t pid = sys_clone3(&args);

	if (pid >= 0)
		return pid;
	args.flags = CLONE_PIDFD;
	return sys_clone3(&args);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* The fds that one of them needs, sorted; allocated. */
static int *list_fds(const struct guard *g, int other, size_t *ret_n)
{
	int *fds = malloc((g->n + 1) * sizeof(*fds));
	size_t n = 0;

	if (!fds)
		return NULL;
	for (size_t i = 0; i < g->n; i++)
		fds[n++] = g->groups[i].group;
	fds[n++] = other;
	qsort(fds, n, sizeof(*fds), by_number);
	*ret_n = n;
	return fds;
}

/* They take no signals from their first moment on, and never will. */
static int fork_both(struct frost *f, int root, int theirs, struct err *e)
{
	size_t n_keep = 0;
	autofree int *keep = list_fds(f->guard, theirs, &n_keep);
	if (!keep)
		return err_set(e, ENOMEM, "start a guardian of frozen groups");
	pid_t pid = fork_child(root, &f->guardian);
	if (pid == 0)
		guardian_run(f->guard, theirs, keep, n_keep);
	if (pid < 0)
		return err_set(e, errno, "start a guardian of frozen groups");
	autofree int *watched = list_fds(f->guard, f->guardian, &n_keep);
	if (!watched)
		return err_set(e, ENOMEM, "start a witness of frozen groups");
	pid = fork_child(root, &f->witness);
	if (pid == 0)
		witness_run(f->guard, f->guardian, watched, n_keep);
	return pid < 0 ? err_set(e, errno, "start a witness of frozen groups") : 0;
}

static int start_guardian(struct frost *f, int root, struct err *e)
{
	int ends[2];
	sigset_t all, before;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(e, errno, "start a guardian of frozen groups");
	autofd int theirs = ends[1];
	f->socket = ends[0];
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	int r = fork_both(f, root, theirs, e);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		send(f->socket, "g", 1, MSG_NOSIGNAL);
	return r;
}

/* Whether it said that. */
static bool hears(struct frost *f, char what)
{
	struct pollfd answer = { .fd = f->socket, .events = POLLIN };
	char said = 0;
	int r;

	do {
		r = poll(&answer, 1, ANSWER_MS);
	} while (r < 0 && errno == EINTR);
	return r > 0 && read(f->socket, &said, 1) == 1 && said == what;
}

/* What they would have done, had nobody killed them. */
static void thaw_alone(struct frost *f)
{
	pidfd_send_signal(f->guardian, SIGKILL, NULL, 0);
	witness_thaw(f->guard);
	f->thawed = true;
}

/* Its end is near, or has been. */
static void bury(int *pidfd)
{
	siginfo_t info;

	while (*pidfd >= 0 && waitid(P_PIDFD, (id_t)*pidfd, &info, WEXITED | __WALL) < 0 &&
		errno == EINTR)
		continue;
	own_close(pidfd);
	*pidfd = -1;
}

/* --- the instant ------------------------------------------------------------------------------------- */

int frost_begin(const int *groups, size_t n, uint64_t bytes, struct frost *ret, struct err *e)
{
	automatic(frost) struct frost f = FROST_NONE;
	automatic(kin) struct kin kin = { 0 };
	autofd int root = -1;
	struct err ignored;

	*ret = FROST_NONE;
	if (!can_guard() || hierarchy_open(&root, &ignored) < 0)
		return 0;
	int r = kin_find(root, &kin, e);
	if (r < 0)
		return r;
	if (make_guard(&f, groups, n, bytes, &kin) < 0)
		return err_set(e, ENOMEM, "freeze %zu groups", n);
	if (!f.guard->n)
		return 0;
	r = start_guardian(&f, root, e);
	if (r < 0)
		return r;
	/* Without it, or without its answer, nothing is held. */
	if (!hears(&f, 'f'))
		thaw_alone(&f);
	*ret = f;
	f = FROST_NONE;
	return 0;
}

/* The witness has some time for it: who comes here meanwhile does the same. */
static bool has_ended(int pidfd)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };

	return poll(&ended, 1, 0) > 0;
}

void frost_read(struct frost *f, uint64_t bytes)
{
	if (f->guardian < 0)
		return;
	if (bytes > f->guard->bytes)
		f->guard->bytes = bytes;
	if (!f->thawed && has_ended(f->guardian))
		thaw_alone(f);
}

void frost_end(struct frost *f)
{
	if (f->guardian < 0)
		return;
	/* It may have ended already: what it said last is still to be heard. */
	if (!f->thawed)
		send(f->socket, "e", 1, MSG_NOSIGNAL);
	if (!f->thawed && !hears(f, 't'))
		thaw_alone(f);
	f->thawed = true;
	bury(&f->guardian);
	/* There is nothing left to see for it. */
	if (f->witness >= 0)
		pidfd_send_signal(f->witness, SIGKILL, NULL, 0);
	bury(&f->witness);
	own_close(&f->socket);
	f->socket = -1;
}

bool frost_held(const struct frost *f, size_t i)
{
	if (!f->guard || i >= f->n || f->places[i] == SIZE_MAX || f->guard->early)
		return false;
	return f->guard->groups[f->places[i]].state != GUARDED_LEFT;
}

size_t frost_count(const struct frost *f, uint64_t *ret_ns)
{
	size_t n = 0;

	*ret_ns = f->guard ? f->guard->spared : 0;
	for (size_t i = 0; f->guard && i < f->guard->n; i++)
		n += f->guard->groups[i].state == GUARDED_MADE;
	return n;
}

void frost_done(struct frost *f)
{
	frost_end(f);
	if (f->guard)
		munmap(f->guard, f->guard_size);
	free(f->places);
	*f = FROST_NONE;
}
