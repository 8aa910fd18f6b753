/* Processes that sleep, for tests: what is injected into them forks them (tests/programs/injected.c). */
#ifndef TESTS_UNIT_SLEEPER_H
#define TESTS_UNIT_SLEEPER_H

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "runtime/inject.h"
#include "spec/base/fd.h"
#include "spec/base/own.h"
#include "spec/base/str.h"
#include "tests/unit/run.h"

enum { PATIENT_MS = 60000 };

static struct err e;
static char *graft;
static size_t n_graft;
static char scratch[96];

/* A program of tests/programs, beside the directory of this one; the caller's. */
static inline char *helper(const char *name)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	return str_format("%s/../%s", self, name);
}

static inline void begin(void)
{
	autofree char *path = helper("injected");

	unit_scratch("/tmp", "inject", scratch, sizeof(scratch));
	ck_assert_msg(
		fd_read_file(AT_FDCWD, path, 1 << 20, &graft, &n_graft, &e) == 0, "%s", e.text);
}

static inline void end(void)
{
	autofd int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

	free(graft);
	ck_assert_msg(fd_remove_tree(tmp, strrchr(scratch, '/') + 1, &e) == 0, "%s", e.text);
}

/* --- processes to be forked --- */

struct sleeper {
	pid_t pid;
	int from; /* what it and its forks write, a line or a struct at a time */
};

static inline struct sleeper sleeper_start(void (*act)(int to), const char *const *argv)
{
	int from[2];

	ck_assert_int_eq(pipe(from), 0);
	struct sleeper s = { .pid = fork(), .from = from[0] };
	if (s.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(from[0]);
		if (act)
			act(from[1]);
		dup2(from[1], 1);
		close(from[1]);
		if (argv)
			execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(from[1]);
	return s;
}

static inline int sleeper_inject_within(const struct sleeper *s, int timeout_ms)
{
	struct process_mark mark;
	struct inject_options o = { graft, n_graft, -1, timeout_ms };
	int r = mark_take(s->pid, &mark);

	return r < 0 ? r : inject(&mark, &o, &e);
}

static inline void sleeper_inject(const struct sleeper *s)
{
	int r = sleeper_inject_within(s, PATIENT_MS);

	ck_assert_msg(r == 0, "%s", e.text);
}

/* Of both that end: 0, and nobody else is left. */
static inline void both_end_well(const struct sleeper *s)
{
	int status;

	for (int i = 0; i < 2; i++) {
		pid_t pid = waitpid(-1, &status, 0);
		ck_assert_int_gt(pid, 0);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %d%s: %x",
			(int)pid, pid == s->pid ? ", the parent" : "", status);
	}
	ck_assert_int_eq(waitpid(-1, &status, 0), -1);
	close(s->from);
}

static inline void await_file(const char *name)
{
	while (access(name, F_OK) < 0)
		poll(NULL, 0, 10);
}

static inline void make_file(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static inline char *in_scratch(const char *name)
{
	char *path = str_format("%s/%s", scratch, name);

	ck_assert_ptr_nonnull(path);
	return path;
}

#endif
