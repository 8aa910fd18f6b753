/* A process that does what it is told, one command byte at a time, and then waits: for tests. */
#ifndef TESTS_UNIT_CHILD_H
#define TESTS_UNIT_CHILD_H

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
	pid_t pid;
	int to, from;
};

typedef void child_act(void *context, char command);

static inline void child_obey(int commands, int answers, child_act *act, void *context)
{
	char command;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(commands, &command, 1) == 1) {
		act(context, command);
		if (write(answers, "d", 1) != 1)
			break;
	}
	_exit(0);
}

/* Tells it one command, and returns when that is done. */
static inline void child_tell(const struct child *c, char command)
{
	char answer;

	ck_assert_int_eq(write(c->to, &command, 1), 1);
	ck_assert_int_eq(read(c->from, &answer, 1), 1);
}

/* Started, and told the command 'h' (hello): its stack is its own from then on. */
static inline struct child child_start(child_act *act, void *context)
{
	int to[2], from[2];

	ck_assert_int_eq(pipe(to), 0);
	ck_assert_int_eq(pipe(from), 0);
	struct child c = { .to = to[1], .from = from[0] };
	c.pid = fork();
	ck_assert_int_ge(c.pid, 0);
	if (c.pid == 0) {
		close(to[1]);
		close(from[0]);
		child_obey(to[0], from[1], act, context);
	}
	close(to[0]);
	close(from[1]);
	child_tell(&c, 'h');
	return c;
}

static inline void child_stop(const struct child *c)
{
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	close(c->to);
	close(c->from);
}

/*
 * A child with a process between us and it that never runs: what we write to meanwhile stays
 * mapped there, and makes nothing the child's own.
 */
struct still {
	struct child child;
	pid_t middle;
};

static inline struct still still_start(child_act *act, void *context)
{
	int to[2], from[2], pids[2];
	struct still s;

	ck_assert(pipe(to) == 0 && pipe(from) == 0 && pipe(pids) == 0);
	s.middle = fork();
	ck_assert_int_ge(s.middle, 0);
	if (s.middle == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pid_t pid = fork();
		if (pid == 0) {
			close(to[1]);
			close(from[0]);
			child_obey(to[0], from[1], act, context);
		}
		if (write(pids[1], &pid, sizeof(pid)) != sizeof(pid))
			_exit(1);
		for (;;)
			pause();
	}
	close(to[0]);
	close(from[1]);
	s.child = (struct child){ .to = to[1], .from = from[0] };
	ck_assert_int_eq(read(pids[0], &s.child.pid, sizeof(pid_t)), sizeof(pid_t));
	close(pids[0]);
	close(pids[1]);
	child_tell(&s.child, 'h');
	return s;
}

static inline void still_stop(const struct still *s)
{
	kill(s->middle, SIGKILL);
	waitpid(s->middle, NULL, 0);
	child_stop(&s->child);
}

#endif
