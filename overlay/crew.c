/*
 * Processes that work side by side.
 *
 * A worker has a pipe to us: notes of its progress, and at the end its result; an end without one
 * means that it was killed. It gets SIGTERM when it is to stop, and when we die, and then clears
 * away what it has begun.
 */
#include "overlay/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/fd.h"

#define WORKERS_MAX 4

struct note {
	bool ended;
	uint64_t done, total; /* the progress, or: */
	int result;
	uint64_t size;
	struct err e;
};

struct worker {
	pid_t pid;
	int pipe; /* -1: it is none */
	size_t i;
	uint64_t done, total;
	bool stopped; /* it was told to */
};

struct crew {
	const struct crew_work *work;
	struct worker workers[WORKERS_MAX];
	size_t n_workers, next; /* the next to begin */
	uint64_t size;
	uint64_t done, total; /* of those that have ended */
	size_t failed;	      /* the first that has; work->n: none */
	int result;
	struct err e;
};

static size_t count_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (size_t)CPU_COUNT(&set);
}

static void send_progress(void *data, const char *what, uint64_t done, uint64_t total)
{
	const struct note note = { .done = done, .total = total };

	(void)what;
	fd_write_all(*(const int *)data, &note, sizeof(note));
}

/* A worker's own. Its caller's flag is not looked at: who sets that one stops all workers. */
static volatile sig_atomic_t stopped;

static void note_stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static _Noreturn void be_worker(const struct crew_work *work, size_t i, int pipe, pid_t parent)
{
	struct import_options options = *work->options;
	struct note note = { .ended = true };

	const struct sigaction action = { .sa_handler = note_stop };
	sigset_t terminate;

	sigemptyset(&terminate);
	sigaddset(&terminate, SIGTERM);

	sigaction(SIGTERM, &action, NULL);
	sigprocmask(SIG_UNBLOCK, &terminate, NULL);
	options.cancelled = &stopped;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	if (options.progress) {
		options.progress = send_progress;
		options.progress_data = &pipe;
	}
	note.result = work->one(work->data, i, &options, &note.size, &note.e);
	_exit(fd_write_all(pipe, &note, sizeof(note)) < 0);
}

static int begin_worker(struct crew *c, struct err *e)
{
	struct worker *w = &c->workers[c->n_workers];
	sigset_t terminate, before;
	pid_t self = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "start a process for a layer");
	/* It comes when the worker is ready for it, and not in the hands of our own handler. */
	sigemptyset(&terminate);
	sigaddset(&terminate, SIGTERM);
	sigprocmask(SIG_BLOCK, &terminate, &before);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		be_worker(c->work, c->next, ends[1], self);
	}
	int code = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	if (pid < 0) {
		int r = err_set(e, code, "start a process for a layer");
		close(ends[0]);
		return r;
	}
	*w = (struct worker){ .pid = pid, .pipe = ends[0], .i = c->next };
	c->n_workers++;
	c->next++;
	return 0;
}

/* Those at `first` and behind it. */
static void stop_from(struct crew *c, size_t first)
{
	for (size_t k = 0; k < c->n_workers; k++) {
		struct worker *w = &c->workers[k];
		if (w->i >= first && !w->stopped)
			kill(w->pid, SIGTERM);
		w->stopped |= w->i >= first;
	}
}

static void note_failure(struct crew *c, size_t i, int result, const struct err *e)
{
	if (i >= c->failed)
		return;
	c->failed = i;
	c->result = result;
	c->e = *e;
	stop_from(c, i + 1);
}

static void show_progress(const struct crew *c)
{
	const struct import_options *options = c->work->options;
	uint64_t done = c->done, total = c->total;
	char what[32];

	for (size_t k = 0; k < c->n_workers; k++) {
		done += c->workers[k].done;
		total += c->workers[k].total;
	}
	snprintf(what, sizeof(what), "%zu layers", c->work->n);
	if (options->progress)
		options->progress(options->progress_data, what, done, total);
}

static void end_worker(struct crew *c, struct worker *w, const struct note *note)
{
	int status = 0;
	struct err e = note->e;
	int result = note->result;

	close(w->pipe);
	while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!note->ended) {
		result = WIFSIGNALED(status)
				 ? err_say(&e, w->stopped ? ECANCELED : EIO,
					   "the process that unpacks it was killed by signal %d",
					   WTERMSIG(status))
				 : err_say(&e, EIO, "the process that unpacks it has ended");
	}
	if (result < 0)
		note_failure(c, w->i, result, &e);
	else
		c->size += note->size;
	c->done += w->total ? w->total : w->done;
	c->total += w->total;
	*w = c->workers[--c->n_workers];
}

static void hear_worker(struct crew *c, struct worker *w)
{
	struct note note = { 0 };
	bool whole = fd_read_full(w->pipe, &note, sizeof(note)) == (ssize_t)sizeof(note);

	if (whole && !note.ended) {
		w->done = note.done;
		w->total = note.total;
		show_progress(c);
		return;
	}
	if (!whole)
		note = (struct note){ 0 };
	end_worker(c, w, &note);
}

static void hear_workers(struct crew *c)
{
	struct pollfd fds[WORKERS_MAX];

	for (size_t k = 0; k < c->n_workers; k++)
		fds[k] = (struct pollfd){ .fd = c->workers[k].pipe, .events = POLLIN };
	/* A signal that says "stop" to us alone is handed on. */
	int n = poll(fds, c->n_workers, -1);
	if (n < 0 && c->work->options->cancelled && *c->work->options->cancelled)
		stop_from(c, 0);
	/* From behind: who ends is replaced by the last. */
	for (size_t k = c->n_workers; n > 0 && k-- > 0;)
		if (fds[k].revents)
			hear_worker(c, &c->workers[k]);
}

static int run_alone(const struct crew_work *work, uint64_t *ret_size, struct err *e)
{
	uint64_t all = 0, size = 0;

	for (size_t i = 0; i < work->n; i++) {
		int r = work->one(work->data, i, work->options, &size, e);
		if (r < 0)
			return r;
		all += size;
	}
	*ret_size = all;
	return 0;
}

int crew_run(const struct crew_work *work, bool alone, uint64_t *ret_size, struct err *e)
{
	struct crew c = { .work = work, .failed = work->n };
	size_t most = count_processors();
	struct err why;

	if (most > WORKERS_MAX)
		most = WORKERS_MAX;
	if (alone || most < 2 || work->n < 2)
		return run_alone(work, ret_size, e);
	for (;;) {
		while (c.failed == work->n && c.next < work->n && c.n_workers < most) {
			size_t i = c.next;
			int r = begin_worker(&c, &why);
			if (r < 0)
				note_failure(&c, i, r, &why);
		}
		if (c.n_workers == 0)
			break;
		hear_workers(&c);
	}
	if (c.failed < work->n) {
		*e = c.e;
		return c.result;
	}
	*ret_size = c.size;
	return 0;
}
