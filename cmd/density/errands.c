/* Commands side by side. */
#include "cmd/density/errands.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/density/spawn.h"
#include "spec/base/clock.h"
#include "spec/base/own.h"

/* One that runs. */
struct child {
	pid_t pid; /* 0: a free place */
	size_t errand;
	int said; /* a memory file that it writes to */
	double begun;
};

static int begin(struct errands *r, size_t i, struct child *c, struct err *e)
{
	struct child child = { .errand = i, .begun = clock_seconds() * 1e3 };
	int failed = spawn_begin(r->v[i].words, r->dir, -1, &child.pid, &child.said, e);

	if (failed == 0)
		*c = child;
	return failed;
}

/* The next one that ends. */
static int end_one(struct errands *r, struct child *children, struct err *e)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, 0)) < 0 && errno == EINTR)
		;
	if (pid < 0)
		return err_set(e, errno, "wait for a command");
	for (unsigned i = 0; i < r->parallel; i++) {
		struct child *c = &children[i];
		if (c->pid != pid)
			continue;
		struct errand *errand = &r->v[c->errand];
		errand->ms = clock_seconds() * 1e3 - c->begun;
		errand->done = status == 0;
		int failed = status == 0 ? 0 : spawn_complain(errand->words[0], c->said, status, e);
		close(c->said);
		c->pid = 0;
		return failed;
	}
	return 0; /* of somebody else: a process that was left to us */
}

static size_t count_running(const struct errands *r, const struct child *children)
{
	size_t n = 0;

	for (unsigned i = 0; i < r->parallel; i++)
		n += children[i].pid != 0;
	return n;
}

int errands_run(struct errands *r, struct err *e)
{
	autofree struct child *children = calloc(r->parallel, sizeof(*children));
	size_t next = 0, ended = 0;
	struct err later;
	int failed = 0;

	if (!children)
		return err_set(e, ENOMEM, "run %zu commands", r->n);
	for (;;) {
		bool more = next < r->n && (failed == 0 || (r->go_on && failed == -ECHILD));
		size_t running = count_running(r, children);
		int now = 0;
		if (more && running < r->parallel) {
			struct child *free_one = children;
			while (free_one->pid)
				free_one++;
			now = begin(r, next, free_one, failed ? &later : e);
			next += now == 0;
		} else if (running) {
			now = end_one(r, children, failed ? &later : e);
			ended++;
			if (now == 0 && r->tick && failed == 0)
				now = r->tick(r->context, ended, e);
		} else
			return failed;
		failed = failed ? failed : now;
	}
}
