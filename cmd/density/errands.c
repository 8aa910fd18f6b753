/* Commands side by side. */
#include "cmd/density/errands.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/open_files.h"
#include "spec/base/clock.h"
#include "spec/base/own.h"
#include "spec/base/str.h"

#define SAID_MAX 4096

/* One that runs. */
struct child {
	pid_t pid; /* 0: a free place */
	size_t errand;
	int said; /* a memory file that it writes to */
	double begun;
};

static _Noreturn void become(const struct errands *r, char **words, int said)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	open_files_restore();
	/* ctrl-c is for us: a start that is interrupted in the middle says nothing of its time. */
	setpgid(0, 0);
	if (null < 0 || dup2(null, 0) < 0 || dup2(said, 1) < 0 || dup2(said, 2) < 0)
		_exit(126);
	if (r->prepare && r->prepare(r->context) < 0)
		_exit(126);
	execvp(words[0], words);
	dprintf(2, "%s: %s\n", words[0], strerror(errno));
	_exit(127);
}

static int begin(struct errands *r, size_t i, struct child *c, struct err *e)
{
	int said = memfd_create("said", MFD_CLOEXEC);

	if (said < 0)
		return err_set(e, errno, "make a file in memory");
	double begun = clock_seconds() * 1e3;
	pid_t pid = fork();
	if (pid == 0)
		become(r, r->v[i].words, said);
	if (pid < 0) {
		int code = errno;
		close(said);
		return err_set(e, code, "fork for '%s'", r->v[i].words[0]);
	}
	*c = (struct child){ pid, i, said, begun };
	return 0;
}

/* "cow run: cow: run: no image 'x'": the last line that it said, or its status. */
static int complain(const struct errands *r, const struct child *c, int status, struct err *e)
{
	char text[SAID_MAX] = "";
	off_t size = lseek(c->said, 0, SEEK_END);
	off_t from = size >= (off_t)sizeof(text) ? size - (off_t)sizeof(text) + 1 : 0;
	ssize_t n = pread(c->said, text, sizeof(text) - 1, from);
	const char *name = r->v[c->errand].words[0];

	text[n > 0 ? n : 0] = '\0';
	for (char *end = text + strlen(text); end > text && end[-1] == '\n';)
		*--end = '\0';
	const char *line = strrchr(text, '\n');
	if (*text)
		return err_say(e, ECHILD, "%s: %s", name, line ? line + 1 : text);
	if (WIFSIGNALED(status))
		return err_say(e, ECHILD, "%s: killed by signal %d", name, WTERMSIG(status));
	return err_say(e, ECHILD, "%s: ended with status %d", name, WEXITSTATUS(status));
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
		int failed = status == 0 ? 0 : complain(r, c, status, e);
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
