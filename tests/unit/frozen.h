/*
 * Groups to freeze, below one of our own ("/cowrun-unit-PID") on this host's v2: what the tests of
 * frost and of its guardian have in common. Needs root.
 */
#ifndef TESTS_UNIT_FROZEN_H
#define TESTS_UNIT_FROZEN_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cgroup/frost.h"
#include "cgroup/hierarchy.h"
#include "cgroup/knob.h"
#include "cgroup/watch.h"
#include "spec/base/sys.h"
#include "tests/unit/run.h"

/* More than a test takes, as long as nothing is wrong. */
#define PATIENT ((uint64_t)16 << 30)

static int root = -1;
static char base[64]; /* "/cowrun-unit-PID" */
static struct err e;

#define OK(call) ck_assert_msg((call) == 0, "%s", e.text)

static inline const char *at(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", base, name);
	return path;
}

static inline struct cgroup make(const char *name)
{
	struct cgroup c = CGROUP_NONE;

	OK(cgroup_make(root, at(name), NULL, &c, &e));
	return c;
}

static inline void removed(struct cgroup *c, const char *name)
{
	cgroup_done(c);
	OK(cgroup_remove(root, at(name), 1, &e));
}

static inline pid_t born_in(int group)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)group
	};
	pid_t pid = sys_clone3(&args);

	ck_assert_msg(pid >= 0, "clone3: %s", strerror(errno));
	return pid;
}

static inline pid_t live_in(const struct cgroup *c)
{
	pid_t pid = born_in(c->fd);

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

/* What the kernel says, instants of a census included; and what is asked of the group itself. */
static inline bool stands_still(const struct cgroup *c)
{
	uint64_t value = 0;

	ck_assert_int_eq(knob_read_value(c->fd, "cgroup.events", "frozen", &value), 0);
	return value;
}

static inline bool is_to_be_frozen(const struct cgroup *c)
{
	uint64_t value = 0;

	ck_assert_int_eq(knob_read_number(c->fd, "cgroup.freeze", &value), 0);
	return value;
}

static inline void runs_again(const struct cgroup *c)
{
	int events = -1;

	OK(watch_open(c->fd, "cgroup.events", &events, &e));
	ck_assert_int_eq(watch_until(events, "frozen", 0, 20000), 0);
	close(events);
	ck_assert(!is_to_be_frozen(c));
}

static inline struct frost begin(const int *groups, size_t n, uint64_t bytes)
{
	struct frost f = FROST_NONE;

	OK(frost_begin(groups, n, bytes, &f, &e));
	return f;
}

static inline size_t count(const struct frost *f)
{
	uint64_t ns;

	return frost_count(f, &ns);
}

/*
 * The same of one group until it has been frozen: where others want the processors too, it may not
 * stand still as soon as little patience asks for, and is left alone.
 */
static inline struct frost begin_frozen(int group, uint64_t bytes)
{
	struct frost f = begin(&group, 1, bytes);

	for (unsigned tries = 1; count(&f) == 0 && tries < 1000; tries++) {
		frost_done(&f);
		f = begin(&group, 1, bytes);
	}
	ck_assert_uint_eq(count(&f), 1);
	return f;
}

/* How a unit program of these ends: what a failed test has left goes with its groups. */
static inline int frozen_run(Suite *suite)
{
	struct cgroup all = CGROUP_NONE;
	struct stat namespace;

	if (geteuid() != 0 || hierarchy_open(&root, &e) < 0)
		return unit_skip(suite, "needs root and a cgroup v2 mount");
	/* PROC_PID_INIT_INO */
	if (stat("/proc/self/ns/pid", &namespace) < 0 || namespace.st_ino != 0xEFFFFFFC)
		return unit_skip(suite, "needs the first pid namespace");
	snprintf(base, sizeof(base), "/cowrun-unit-%d", (int)getpid());
	if (cgroup_make(root, base, NULL, &all, &e) < 0)
		return unit_skip(suite, e.text);
	int failed = unit_run(suite);
	if (cgroup_remove(root, base, 1, &e) < 0) {
		printf("# %s\n", e.text);
		failed++;
	}
	return failed != 0;
}

#endif
