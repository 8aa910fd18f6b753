/*
 * A container in the background.
 *
 * A forked process makes the container, so that it is the parent that waits for it, tells us how
 * that went, and becomes the monitor by execve(): what it was before leaves no page behind.
 */
#include "cmd/cow/detach.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cmd/cow/monitor.h"
#include "cmd/libexec.h"
#include "overlay/stack.h"
#include "spec/base/fd.h"

/* What the launching process says: an error, or (code 0) the container's name. */
struct report {
	struct err e;
	char id[128];
};

struct pipes {
	int null, out[2], err[2];
};

/* What is said meanwhile is for people and not for the container's log. */
static int keep_stderr(struct err *e)
{
	int fd = fcntl(2, F_DUPFD_CLOEXEC, 20);
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");

	if (!to)
		return err_set(e, errno, "keep standard error");
	setvbuf(to, NULL, _IONBF, 0);
	stderr = to;
	return 0;
}

/* The container's standard streams become ours for the birth; nobody else keeps the write ends. */
static int make_streams(struct pipes *p, struct err *e)
{
	p->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (p->null < 0 || pipe2(p->out, O_CLOEXEC) < 0 || pipe2(p->err, O_CLOEXEC) < 0)
		return err_set(e, errno, "make the pipes of its output");
	fcntl(p->out[0], F_SETFL, O_NONBLOCK);
	fcntl(p->err[0], F_SETFL, O_NONBLOCK);
	if (dup2(p->null, 0) < 0 || dup2(p->out[1], 1) < 0 || dup2(p->err[1], 2) < 0)
		return err_set(e, errno, "take on its standard streams");
	close(p->out[1]);
	close(p->err[1]);
	return 0;
}

static int open_log(const struct launched *l, struct err *e)
{
	autofree char *path =
		str_format("%s/containers/%s/log", l->container.store, l->container.id);
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)
		      : -1;

	return fd < 0 ? err_set(e, errno, "make the log of '%s'", l->container.id) : fd;
}

/* Each fd where monitor.h says, all others gone at the execve(). */
static int place_fds(const int *from, struct err *e)
{
	int up[MONITOR_FDS];

	for (int i = MONITOR_PIDFD; i < MONITOR_FDS; i++) {
		up[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 20);
		if (up[i] < 0)
			return err_set(e, errno, "hand over to the monitor");
	}
	for (int i = MONITOR_PIDFD; i < MONITOR_FDS; i++)
		if (dup2(up[i], i) < 0)
			return err_set(e, errno, "hand over to the monitor");
	if (close_range(MONITOR_FDS, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */) < 0)
		return err_set(e, errno, "hand over to the monitor");
	return 0;
}

static void say(int to, const struct err *e, const char *id)
{
	struct report report = { .e = *e };

	if (id)
		snprintf(report.id, sizeof(report.id), "%s", id);
	fd_write_all(to, &report, sizeof(report));
}

/* A path that is the same from every directory, the caller's. */
static char *absolute(const char *path)
{
	return *path == '/' ? strdup(path) : realpath(path, NULL);
}

/* In the forked process. Returns only in failure, before anything was said. */
static int become_monitor(
	struct context *c, const struct launch_options *o, int tell, struct err *e)
{
	automatic(launched) struct launched l = LAUNCHED_NONE;
	char monitor[4096], cow[4096];
	struct pipes p = { .null = -1 };
	sigset_t none;

	int r = libexec_find(MONITOR_PROGRAM, monitor, e);
	if (r == 0)
		r = libexec_find("cow", cow, e);
	if (r == 0)
		r = keep_stderr(e);
	if (r == 0)
		r = make_streams(&p, e);
	if (r == 0)
		r = launch(&c->home, o, &l, e);
	int log = r == 0 ? open_log(&l, e) : r;
	if (log < 0) {
		l.container.complete = false; /* without a log nobody would wait for it */
		l.container.birth.over = false;
		return log;
	}
	int fds[MONITOR_FDS] = { [MONITOR_PIDFD] = l.container.birth.pidfd,
		[MONITOR_OUT] = p.out[0],
		[MONITOR_ERR] = p.err[0],
		[MONITOR_LOG] = log,
		[MONITOR_JOURNAL] = l.container.journal };
	struct err ok = { 0 };
	/* A copy of the channel's fd that survives place_fds(); gone with the execve(). */
	say(tell, &ok, l.container.id);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(p.null, 1) < 0 || dup2(p.null, 2) < 0 || place_fds(fds, e) < 0)
		_exit(1);
	char *root = absolute(c->root);
	/* Whatever is mounted here need not stay mounted for the monitor. */
	if (root && chdir("/") == 0)
		execv(monitor, (char *[]){ (char *)MONITOR_PROGRAM, cow, root, l.container.store,
				       l.container.id, NULL });
	_exit(1);
}

int detach_run(struct context *c, const struct launch_options *o, struct err *e)
{
	struct report report = { 0 };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "make a pipe");
	autofd int ours = ends[0], theirs = ends[1];
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return err_set(e, errno, "fork the monitor");
	if (pid == 0) {
		setsid();
		if (become_monitor(c, o, theirs, e) < 0)
			say(theirs, e, NULL);
		_exit(1);
	}
	close(theirs);
	theirs = -1;
	if (fd_read_full(ours, &report, sizeof(report)) != sizeof(report))
		return err_say(e, EPROTO,
			"the monitor died before its container ran (hint: rm --force what ps --all shows of it)");
	if (report.e.code) {
		*e = report.e;
		waitpid(pid, NULL, 0);
		return -e->code;
	}
	return puts(report.id) < 0 ? err_set(e, EIO, "print the name") : 0;
}
