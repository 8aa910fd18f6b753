/*
 * cgroup/cgroup: real groups, below one of our own ("/cowrun-unit-PID") on this host's v2.
 *
 * Needs root, and no controllers. Whatever a failed test leaves goes with that group at the end.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cgroup/hierarchy.h"
#include "cgroup/knob.h"
#include "cgroup/limits.h"
#include "cgroup/watch.h"
#include "spec/base/fd.h"
#include "spec/base/own.h"
#include "spec/base/str.h"
#include "spec/base/sys.h"
#include "tests/unit/run.h"

static int root = -1;
static char base[64]; /* "/cowrun-unit-PID" */
static struct err e;

/* A path below our base, in one of a few buffers. */
static const char *at(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", base, name);
	return path;
}

static bool exists(const char *path)
{
	struct stat st;

	return fstatat(root, path + 1, &st, 0) == 0;
}

#define OK(call) ck_assert_msg((call) == 0, "%s", e.text)

static struct cgroup make(const char *name)
{
	struct cgroup c = CGROUP_NONE;

	OK(cgroup_make(root, at(name), NULL, &c, &e));
	return c;
}

/* As a container makes groups in its own: their parent passes on nothing, and may hold processes. */
static struct cgroup make_inside(const char *name, const char *inner)
{
	struct cgroup c = CGROUP_NONE;
	int r = mkdirat(root, at(name) + 1, 0755) == 0 ? mkdirat(root, at(inner) + 1, 0755) : -1;

	ck_assert_msg(r == 0, "mkdir: %s", strerror(errno));
	OK(cgroup_open(root, at(inner), &c, &e));
	return c;
}

/* A process that waits for its end, born in the group: the O_PATH fd is good enough for that. */
static pid_t live_in(const struct cgroup *c)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)c->fd
	};
	pid_t pid = sys_clone3(&args);

	ck_assert_msg(pid >= 0, "clone3: %s", strerror(errno));
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static int end_of(pid_t pid)
{
	int status = 0;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* --- making and removing -----------------------------------------------------------------------
 */

START_TEST(made_and_removed)
{
	automatic(cgroup) struct cgroup c = make("x");

	ck_assert_uint_eq(c.made, 1);
	ck_assert(fcntl(c.fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(exists(at("x")));
	ck_assert_int_eq(cgroup_is_populated(c.fd), 0);
	OK(cgroup_remove(root, at("x"), c.made, &e));
	ck_assert(!exists(at("x")));
	ck_assert(exists(base));
	/* And once more: what is not there needs no removal. */
	OK(cgroup_remove(root, at("x"), c.made, &e));
	ck_assert_int_lt(cgroup_is_populated(c.fd), 0);
}
END_TEST

START_TEST(levels_made_are_levels_removed)
{
	automatic(cgroup) struct cgroup c = make("a/b/c");

	ck_assert_uint_eq(c.made, 3);
	OK(cgroup_remove(root, at("a/b/c"), c.made, &e));
	ck_assert(!exists(at("a")));
	ck_assert(exists(base));
}
END_TEST

START_TEST(groups_above_stay_with_their_others)
{
	automatic(cgroup) struct cgroup one = make("a/b/one"), two = make("a/b/two"),
					again = make("a/b/one");

	ck_assert_uint_eq(one.made, 3);
	ck_assert_uint_eq(two.made, 1);
	ck_assert_uint_eq(again.made, 0); /* taken over, since nothing lived in it */
	OK(cgroup_remove(root, at("a/b/one"), one.made, &e));
	ck_assert(exists(at("a/b/two")) && !exists(at("a/b/one")));
	OK(cgroup_remove(root, at("a/b/two"), two.made, &e));
	ck_assert(exists(at("a/b")));
	cgroup_prune(root, at("a/b/two"), 2);
	ck_assert(!exists(at("a")) && exists(base));
}
END_TEST

START_TEST(an_inhabited_group_is_not_taken_over)
{
	automatic(cgroup) struct cgroup c = make("x"), other = CGROUP_NONE;
	pid_t pid = live_in(&c);

	ck_assert_int_eq(cgroup_make(root, at("x"), NULL, &other, &e), -EBUSY);
	ck_assert_ptr_nonnull(strstr(e.text, "container's cgroup is not empty"));
	ck_assert_int_eq(other.fd, -1);
	ck_assert_int_eq(kill(pid, 0), 0);
	OK(cgroup_remove(root, at("x"), 1, &e));
	ck_assert_int_eq(end_of(pid), SIGKILL);
}
END_TEST

START_TEST(a_frozen_group_is_not_taken_over)
{
	automatic(cgroup) struct cgroup c = make("x"), other = CGROUP_NONE;

	OK(cgroup_freeze(c.fd, true, 10000, &e));
	ck_assert_int_eq(cgroup_make(root, at("x"), NULL, &other, &e), -EBUSY);
	ck_assert_ptr_nonnull(strstr(e.text, "container's cgroup unexpectedly frozen"));
	OK(cgroup_remove(root, at("x"), 1, &e));
}
END_TEST

START_TEST(what_was_made_is_unmade_on_failure)
{
	automatic(cgroup) struct cgroup c = CGROUP_NONE;

	/* "cgroup.procs" is a file in every group: the way ends there. */
	ck_assert_int_lt(cgroup_make(root, at("a/b/cgroup.procs"), NULL, &c, &e), 0);
	ck_assert(!exists(at("a")));
	ck_assert_int_eq(c.fd, -1);
	ck_assert_int_eq(cgroup_make(root, at("a/../../x"), NULL, &c, &e), -EINVAL);
	ck_assert_int_eq(cgroup_remove(root, at(".."), 1, &e), -EINVAL);
	ck_assert_int_eq(cgroup_remove(root, "/", 1, &e), -EINVAL);
}
END_TEST

START_TEST(opened_only_when_there)
{
	automatic(cgroup) struct cgroup c = make("a/b"), same = CGROUP_NONE;

	OK(cgroup_open(root, at("a/b"), &same, &e));
	ck_assert_uint_eq(same.made, 0);
	OK(cgroup_remove(root, at("a/b"), c.made, &e));
	ck_assert_int_eq(cgroup_open(root, at("a/b"), &same, &e), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.text, "there is no cgroup"));
	ck_assert_ptr_null(strstr(e.text, "no such file"));
}
END_TEST

/* Another one removes the group above as often as it can: making retries, and counts right. */
START_TEST(groups_above_may_vanish)
{
	pid_t racer = fork();

	ck_assert_int_ge(racer, 0);
	if (racer == 0)
		for (;;)
			unlinkat(root, at("r") + 1, AT_REMOVEDIR);
	for (int i = 0; i < 200; i++) {
		automatic(cgroup) struct cgroup c = CGROUP_NONE;
		int r = cgroup_make(root, at("r/s/x"), NULL, &c, &e);
		if (r == 0)
			r = cgroup_remove(root, at("r/s/x"), c.made, &e);
		if (r < 0)
			kill(racer, SIGKILL);
		ck_assert_msg(r == 0, "round %d: %s", i, e.text);
	}
	kill(racer, SIGKILL);
	end_of(racer);
	ck_assert(!exists(at("r")));
}
END_TEST

/* --- what lives inside -------------------------------------------------------------------------
 */

START_TEST(removal_kills_everything_below)
{
	automatic(cgroup) struct cgroup c = make("x"), in = make_inside("x/.in", "x/.in/deep");
	pid_t a = live_in(&c), b = live_in(&in);

	ck_assert_int_eq(cgroup_is_populated(c.fd), 1);
	OK(cgroup_remove(root, at("x"), 1, &e));
	ck_assert(!exists(at("x")));
	ck_assert_int_eq(end_of(a), SIGKILL);
	ck_assert_int_eq(end_of(b), SIGKILL);
}
END_TEST

START_TEST(removal_reaches_the_frozen)
{
	automatic(cgroup) struct cgroup c = make("x");
	pid_t pid = live_in(&c);

	OK(cgroup_freeze(c.fd, true, 10000, &e));
	OK(cgroup_remove(root, at("x"), 1, &e));
	ck_assert_int_eq(end_of(pid), SIGKILL);
}
END_TEST

/* A container that was given its cgroup may nest deeper than we may open files. */
START_TEST(a_deep_nest_is_listed_and_removed)
{
	automatic(cgroup) struct cgroup c = make("x");
	const struct rlimit few = { 24, 24 };
	int fd = dup(c.fd), width = 0;
	pid_t pid = -1;

	for (int depth = 0; depth < 300; depth++) {
		ck_assert_int_eq(mkdirat(fd, "down", 0755), 0);
		if (depth % 50 == 0)
			width += mkdirat(fd, "beside", 0755) == 0;
		int next = openat(fd, "down", O_PATH | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(next, 0);
		close(fd);
		fd = next;
	}
	struct cgroup last = { .fd = fd };
	pid = live_in(&last);
	close(fd);
	ck_assert_int_eq(width, 6);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	autofree pid_t *pids = NULL;
	size_t n = 0;
	OK(cgroup_processes(c.fd, true, &pids, &n, &e));
	ck_assert(n == 1 && pids[0] == pid);
	OK(cgroup_remove(root, at("x"), 1, &e));
	ck_assert(!exists(at("x")));
	ck_assert_int_eq(end_of(pid), SIGKILL);
}
END_TEST

START_TEST(killed_not_removed)
{
	automatic(cgroup) struct cgroup c = make("x");
	pid_t pid = live_in(&c);

	OK(cgroup_kill(c.fd, &e));
	ck_assert_int_eq(end_of(pid), SIGKILL);
	ck_assert(exists(at("x")));
	OK(cgroup_remove(root, at("x"), 1, &e));
	ck_assert_int_lt(cgroup_kill(c.fd, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "gone"));
}
END_TEST

START_TEST(processes_are_listed)
{
	automatic(cgroup) struct cgroup c = make("x"), in = make_inside("x/.in", "x/.in/deep");
	pid_t a = live_in(&c), b = live_in(&c), d = live_in(&in);
	autofree pid_t *own = NULL, *all = NULL, *none = NULL;
	size_t n_own, n_all, n_none;

	OK(cgroup_processes(c.fd, false, &own, &n_own, &e));
	OK(cgroup_processes(c.fd, true, &all, &n_all, &e));
	OK(cgroup_remove(root, at("x"), 1, &e));
	ck_assert_uint_eq(n_own, 2);
	ck_assert(own[0] == (a < b ? a : b) && own[1] == (a < b ? b : a));
	ck_assert_uint_eq(n_all, 3);
	ck_assert(all[0] == d || all[1] == d || all[2] == d);
	ck_assert_int_lt(cgroup_processes(c.fd, true, &none, &n_none, &e), 0);
	ck_assert_ptr_null(none);
	automatic(cgroup) struct cgroup empty = make("x");
	OK(cgroup_processes(empty.fd, true, &none, &n_none, &e));
	ck_assert(n_none == 0 && !none);
	OK(cgroup_remove(root, at("x"), 1, &e));
	end_of(a), end_of(b), end_of(d);
}
END_TEST

START_TEST(frozen_and_thawed)
{
	automatic(cgroup) struct cgroup c = make("x");
	pid_t pid = live_in(&c);

	ck_assert_int_eq(cgroup_is_frozen(c.fd), 0);
	OK(cgroup_freeze(c.fd, true, 10000, &e));
	ck_assert_int_eq(cgroup_is_frozen(c.fd), 1);
	OK(cgroup_freeze(c.fd, true, 10000, &e));
	OK(cgroup_freeze(c.fd, false, -1, &e));
	ck_assert_int_eq(cgroup_is_frozen(c.fd), 0);
	OK(cgroup_remove(root, at("x"), 1, &e));
	end_of(pid);
}
END_TEST

/* A directory that says what a group says whose process hangs in the kernel. */
START_TEST(half_frozen_is_thawed_again)
{
	char name[] = "/dev/shm/cowrun-unit-XXXXXX", text[8] = "";

	ck_assert_ptr_nonnull(mkdtemp(name));
	autofd int fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	OK(fd_replace_file(fd, "cgroup.events", "populated 1\nfrozen 0\n", 21, 0600, &e));
	OK(fd_replace_file(fd, "cgroup.freeze", "x\n", 2, 0600, &e));
	int r = cgroup_freeze(fd, true, 20, &e);
	knob_read(fd, "cgroup.freeze", text, sizeof(text));
	unlinkat(fd, "cgroup.events", 0);
	unlinkat(fd, "cgroup.freeze", 0);
	rmdir(name);
	ck_assert_int_eq(r, -ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(e.text, "not done after 20 ms"));
	ck_assert_str_eq(text, "0\n");
}
END_TEST

START_TEST(events_can_be_waited_for)
{
	automatic(cgroup) struct cgroup c = make("x");
	autofd int events = -1;
	uint64_t value;

	OK(watch_open(c.fd, "cgroup.events", &events, &e));
	ck_assert_int_eq(watch_value(events, "populated", &value), 0);
	ck_assert_uint_eq(value, 0);
	ck_assert_int_eq(watch_value(events, "nonesuch", &value), -ENODATA);
	struct pollfd p = { .fd = events, .events = POLLPRI };
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	ck_assert_int_eq(watch_until(events, "populated", 1, 0), -ETIMEDOUT);
	pid_t pid = live_in(&c);
	ck_assert_int_eq(watch_until(events, "populated", 1, 10000), 0);
	OK(cgroup_kill(c.fd, &e));
	ck_assert_int_eq(watch_until(events, "populated", 0, -1), 0);
	end_of(pid);
	OK(cgroup_remove(root, at("x"), 1, &e));
	ck_assert_int_eq(poll(&p, 1, 10000), 1);
	ck_assert_int_eq(watch_value(events, "populated", &value), -ENODEV);
	int fd = 77;
	ck_assert_int_lt(watch_open(c.fd, "cgroup.events", &fd, &e), 0);
	ck_assert_int_eq(fd, 77);
}
END_TEST

/* --- limits that this host cannot give
 * ------------------------------------------------------------ */

START_TEST(a_limit_without_controller)
{
	struct resources r = { .memory.limit = { true, 32 << 20 }, .pids.limit = { true, 5 } };
	automatic(cgroup) struct cgroup c = CGROUP_NONE;

	ck_assert_int_eq(limits_check(root, &r, &e), -ERR_NO_CONTROLLER);
	ck_assert_ptr_nonnull(strstr(e.text, "cannot limit memory: the controller 'memory' "));
	ck_assert_ptr_null(strcasestr(e.text, "no such file"));
	ck_assert_int_eq(cgroup_make(root, at("a/x"), &r, &c, &e), -ERR_NO_CONTROLLER);
	ck_assert_ptr_nonnull(strstr(e.text, "+memory +pids"));
	ck_assert(!exists(at("a")));
	automatic(cgroup) struct cgroup plain = make("x");
	ck_assert_int_eq(limits_apply(plain.fd, &r, &e), -ERR_NO_CONTROLLER);
	ck_assert_ptr_null(strcasestr(e.text, "no such file"));
	OK(cgroup_remove(root, at("x"), 1, &e));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_group");
	TCase *tcase = tcase_create("group");
	suite_add_tcase(suite, tcase);

	if (geteuid() != 0 || hierarchy_open(&root, &e) < 0) {
		return unit_skip(suite, "needs root and a cgroup v2 mount");
	}
	snprintf(base, sizeof(base), "/cowrun-unit-%d", (int)getpid());
	struct cgroup all = CGROUP_NONE;
	if (cgroup_make(root, base, NULL, &all, &e) < 0) {
		return unit_skip(suite, e.text);
	}
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, made_and_removed);
	tcase_add_test(tcase, levels_made_are_levels_removed);
	tcase_add_test(tcase, groups_above_stay_with_their_others);
	tcase_add_test(tcase, an_inhabited_group_is_not_taken_over);
	tcase_add_test(tcase, a_frozen_group_is_not_taken_over);
	tcase_add_test(tcase, what_was_made_is_unmade_on_failure);
	tcase_add_test(tcase, opened_only_when_there);
	tcase_add_test(tcase, groups_above_may_vanish);
	tcase_add_test(tcase, removal_kills_everything_below);
	tcase_add_test(tcase, removal_reaches_the_frozen);
	tcase_add_test(tcase, a_deep_nest_is_listed_and_removed);
	tcase_add_test(tcase, killed_not_removed);
	tcase_add_test(tcase, processes_are_listed);
	tcase_add_test(tcase, frozen_and_thawed);
	tcase_add_test(tcase, half_frozen_is_thawed_again);
	tcase_add_test(tcase, events_can_be_waited_for);
	if (!hierarchy_has(root, "memory"))
		tcase_add_test(tcase, a_limit_without_controller);
	else
		printf("# SKIP a_limit_without_controller: this host has the memory controller\n");
	int failed = unit_run(suite);
	if (cgroup_remove(root, base, 1, &e) < 0) {
		printf("# %s\n", e.text);
		failed++;
	}
	return failed != 0;
}
