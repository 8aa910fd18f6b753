/*
 * cow-reaper: parent of a template and of all its forks. See runtime/reaper.h.
 *
 * There is one for each template, and it holds little for each fork, but it writes down ends as
 * every command would: with libc and the rooms below, static, so that it is small all the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/reaper/scribe.h"
#include "cmd/reaper/teller.h"
#include "cmd/reaper/visitor.h"

enum {
	AGAIN_MS = 100, /* when there was no process for a teller */
	IDLE_MS = 30,	/* that the scribe stays without anything to do */
};

static void reap(struct reaper *r)
{
	int status;
	pid_t pid;

	r->due = true;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct ward *w = ward_find(r, pid);
		if (w) {
			r->template_ended = r->template_ended || w->is_template;
			ward_ended(r, w, status);
		} else if (!tellers_ended(r, pid, status)) {
			/* Who will bring it has knocked before it was born: now at the latest he is met. */
			visitors_greet(r);
			reaper_remember(r, pid, status);
		}
	}
}

static void hear_signals(struct reaper *r, struct source *s)
{
	struct signalfd_siginfo info;

	if (read(s->fd, &info, sizeof(info)) > 0)
		reap(r);
}

static void hear_knocking(struct reaper *r, struct source *s)
{
	(void)s;
	visitors_greet(r);
}

/* Nothing can come any more. An orphan is a fork that has not been handed over, or was the
 * template's. */
static bool is_over(const struct reaper *r)
{
	siginfo_t info = { 0 };

	return r->template_ended && !r->wards && !visitors_hand(r) &&
	       waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

static int patience(const struct reaper *r)
{
	return r->due ? AGAIN_MS : scribe_is_idle() ? IDLE_MS : -1;
}

/* Who connects in the last moment is met with the end of the socket, as if he had come later. */
static void serve(struct reaper *r)
{
	struct epoll_event event;

	for (;;) {
		if (r->due)
			r->due = !tellers_begin(r);
		if (!r->wards)
			scribe_dismiss(r);
		if (is_over(r))
			break;
		int n = epoll_wait(r->epoll, &event, 1, patience(r));
		if (n == 0)
			scribe_dismiss(r);
		struct source *s = n > 0 ? event.data.ptr : NULL;
		if (s)
			s->ready(r, s);
	}
}

static int prepare(struct reaper *r, const char *root, struct err *e)
{
	sigset_t children;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_SETMASK, &children, NULL);
	r->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->signals = (struct source){ hear_signals, signalfd(-1, &children, SFD_CLOEXEC) };
	r->listener = (struct source){ hear_knocking, REAPER_LISTENER };
	if (r->epoll < 0 || r->signals.fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ||
		getrlimit(RLIMIT_NOFILE, &r->files) < 0)
		return -errno;
	struct rlimit most = { r->files.rlim_max, r->files.rlim_max };
	setrlimit(RLIMIT_NOFILE, &most);
	for (int fd = REAPER_OUT; fd < REAPER_FDS; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(REAPER_LISTENER, F_SETFL, O_RDWR | O_NONBLOCK);
	int result = home_open(root, false, false, &r->home, e);
	if (result == 0)
		result = reaper_wait_for(r, &r->signals);
	return result < 0 ? result : reaper_wait_for(r, &r->listener);
}

int main(int argc, char **argv)
{
	static struct reaper r = { .home = HOME_NONE, .epoll = -1 };
	struct reaper_ward template = {
		.out = REAPER_OUT, .err = REAPER_ERR, .log = REAPER_LOG, .status = -1
	};
	struct err e;

	if (argc != 4)
		return 1;
	/* Whoever started the template has left us nothing; what a teller starts gets nothing of it. */
	clearenv();
	template.id = argv[2];
	template.pid = (pid_t)strtol(argv[3], NULL, 10);
	if (prepare(&r, argv[1], &e) < 0 || ward_take(&r, &template, true) < 0)
		return 1;
	/* The word of a child that ended before we were what we are was lost. */
	reap(&r);
	serve(&r);
	return 0;
}
