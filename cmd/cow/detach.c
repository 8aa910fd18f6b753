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
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cmd/cow/background.h"
#include "cmd/cow/monitor.h"
#include "cmd/interrupt.h"
#include "cmd/libexec.h"
#include "overlay/stack.h"
#include "runtime/handover.h"
#include "spec/base/fd.h"

/* What a monitor of a terminal has instead of pipes. */
static int open_terminal(const struct launched *l, int *fds, struct err *e)
{
	int master = l->container.birth.terminal;

	fds[MONITOR_OUT] = master;
	fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
	fds[MONITOR_ERR] = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fds[MONITOR_ERR] < 0)
		return err_set(e, errno, "open the terminal of '%s'", l->container.id);
	fds[MONITOR_LISTENER] = handover_listen(l->container.dir, MONITOR_SOCKET, SOCK_STREAM, e);
	return fds[MONITOR_LISTENER] < 0 ? -e->code : 0;
}

/* For who shows it from the start: the terminal, and the record, which --rm removes. */
static int send_terminal(const struct launched *l, int viewer, struct err *e)
{
	autofd int record = openat(l->container.dir, RECORD_FILE, O_RDONLY | O_CLOEXEC);
	int r = record < 0 ? -errno : handover_send(viewer, "record", record);

	if (r == 0)
		r = handover_send(viewer, MONITOR_GREETING, l->container.birth.terminal);
	return r < 0 ? err_set(e, -r, "hand on the terminal of '%s'", l->container.id) : 0;
}

/* A path that is the same from every directory, the caller's. */
static char *absolute(const char *path)
{
	return *path == '/' ? strdup(path) : realpath(path, NULL);
}

struct detaching {
	struct context *context;
	const struct launch_options *options;
	int viewer; /* where a terminal is handed on, or -1 */
};

/* In the forked process. Returns only in failure, before anything was said. */
static int become_monitor(void *data, int tell, struct err *e)
{
	const struct detaching *w = data;
	struct context *c = w->context;
	const struct launch_options *o = w->options;
	int viewer = w->viewer;
	automatic(launched) struct launched l = LAUNCHED_NONE;
	char monitor[4096], cow[4096];
	bool terminal = o->derive.terminal;
	struct background p = { .null = -1 };
	int fds[MONITOR_FDS] = { 0 };
	sigset_t none;

	int r = libexec_find(MONITOR_PROGRAM, monitor, e);
	if (r == 0)
		r = libexec_find("cow", cow, e);
	if (r == 0)
		r = background_keep_stderr(e);
	if (r == 0)
		r = background_streams(&p, terminal, e);
	for (int fd = 1; r == 0 && !terminal && fd < 3; fd++)
		background_give(&o->derive, fd);
	if (r == 0)
		r = launch(&c->home, o, &l, e);
	if (r == 0)
		r = fds[MONITOR_LOG] = launch_open_log(&l, e);
	if (r >= 0)
		r = terminal ? open_terminal(&l, fds, e) : 0;
	if (r == 0 && viewer >= 0)
		r = send_terminal(&l, viewer, e);
	if (r < 0) {
		l.container.complete = false; /* without a log nobody would wait for it */
		l.container.birth.over = false;
		return r;
	}
	fds[MONITOR_PIDFD] = l.container.birth.pidfd;
	fds[MONITOR_JOURNAL] = l.container.journal;
	fds[MONITOR_VIEWER] = viewer;
	if (!terminal) {
		fds[MONITOR_OUT] = p.out[0];
		fds[MONITOR_ERR] = p.err[0];
	}
	struct err ok = { 0 };
	/* A copy of the channel's fd that survives background_place(); gone with the execve(). */
	background_say(tell, &ok, l.container.id);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int n = viewer >= 0 ? MONITOR_FDS : terminal ? MONITOR_TERMINAL_FDS : MONITOR_PIPES_FDS;
	if (dup2(p.null, 1) < 0 || dup2(p.null, 2) < 0 ||
		background_place(fds, MONITOR_PIDFD, n, e) < 0)
		_exit(1);
	char *root = absolute(c->root);
	/* Whatever is mounted here need not stay mounted for the monitor. */
	if (root && chdir("/") == 0)
		execv(monitor, (char *[]){ (char *)MONITOR_PROGRAM, cow, root, l.container.store,
				       l.container.id, terminal ? (char *)"terminal" : NULL,
				       viewer >= 0 ? (char *)"shown" : NULL, NULL });
	_exit(1);
}

/* What the forked process says, and hands on. */
static int hear(int from, pid_t pid, struct detached *d, struct err *e)
{
	int r = background_hear(from, pid, d->id, e);

	if (r < 0)
		return r;
	d->monitor = pid;
	if (d->connection < 0)
		return 0;
	r = handover_receive(d->connection, "record", &d->journal);
	if (r == 0)
		r = handover_receive(d->connection, MONITOR_GREETING, &d->terminal);
	return r < 0 ? err_set(e, -r, "take over the terminal of '%s'", d->id) : 0;
}

static int begin(struct context *c, const struct launch_options *o, int viewer,
	struct beginning *ret, struct err *e)
{
	struct detaching w = { c, o, viewer };
	int said = -1;
	pid_t pid = background_begin(become_monitor, &w, &said, e);

	*ret = (struct beginning){ pid > 0 ? pid : 0, said };
	return pid < 0 ? pid : 0;
}

int detach_begin(
	struct context *c, const struct launch_options *o, struct beginning *ret, struct err *e)
{
	return begin(c, o, -1, ret, e);
}

int detach_hear(struct beginning *b, char ret_id[128], struct err *e)
{
	struct detached d = DETACHED_NONE;
	int r = hear(b->said, b->pid, &d, e);

	close(b->said);
	*b = (struct beginning){ 0 };
	memcpy(ret_id, d.id, sizeof(d.id));
	return r;
}

int detach_run(struct context *c, const struct launch_options *o, bool shown, struct detached *ret,
	struct err *e)
{
	automatic(detached) struct detached d = DETACHED_NONE;
	struct beginning b = { 0 };
	int connection[2] = { -1, -1 };

	if (shown && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, connection) < 0)
		return err_set(e, errno, "make a socket pair");
	d.connection = connection[0];
	autofd int viewer = connection[1];
	int r = begin(c, o, viewer, &b, e);
	if (r < 0)
		return r;
	autofd int ours = b.said;
	own_close(&viewer);
	viewer = -1;
	r = hear(ours, b.pid, &d, e);
	if (r < 0)
		return r;
	*ret = d;
	d = (struct detached)DETACHED_NONE;
	return 0;
}

void detached_done(struct detached *d)
{
	own_close(&d->connection);
	own_close(&d->terminal);
	own_close(&d->journal);
}
