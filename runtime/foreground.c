/* Waiting for a process of ours, in the foreground. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup/stat.h"
#include "runtime/container.h"

/* Those that mean this process alone: its faults, its children, its job control. */
static bool is_ours(unsigned signal)
{
	switch (signal) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGABRT:
	case SIGTRAP:
	case SIGSYS:
	case SIGCHLD:
	case SIGPIPE:
	case SIGURG:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return true;
	default:
		return false;
	}
}

static void forwarded(sigset_t *set)
{
	sigfillset(set);
	for (unsigned s = 1; s < 32; s++)
		if (is_ours(s))
			sigdelset(set, (int)s);
}

void foreground_prepare(void)
{
	sigset_t set;

	forwarded(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* True when one was among them that would have ended us. `s`: NULL without a terminal. */
static bool pass_on(int signals, int pidfd, struct screen *s)
{
	struct signalfd_siginfo info;
	bool ends = false;

	while (read(signals, &info, sizeof(info)) == sizeof(info)) {
		int signal = (int)info.ssi_signo;
		ends |= signal == SIGTERM || signal == SIGINT || signal == SIGHUP ||
			signal == SIGQUIT;
		if (s && signal == SIGTSTP)
			screen_suspend(s);
		else if (s && signal == SIGHUP && s->leaves_on_hangup)
			s->is_detached = true;
		else if (s && signal == SIGWINCH)
			screen_resize(s);
		else
			pidfd_send_signal(pidfd, signal, NULL, 0);
		if (s && signal == SIGCONT)
			screen_resume(s);
	}
	return ends;
}

static void tell(const siginfo_t *info, int cgroup, struct outcome *ret)
{
	uint64_t kills = 0;

	*ret = (struct outcome){ .status = info->si_status };
	if (info->si_code == CLD_EXITED)
		return;
	ret->killed = true;
	ret->status = 128 + info->si_status;
	if (info->si_status != SIGKILL || cgroup < 0 || cgroup_oom_kills(cgroup, &kills) < 0 ||
		!kills)
		return;
	ret->oom = true;
	char text[CGROUP_OOM_TEXT];
	snprintf(ret->why, sizeof(ret->why), "killed: %s", cgroup_oom_text(cgroup, text));
}

static int open_signals(bool with_stop)
{
	sigset_t set;

	forwarded(&set);
	if (with_stop) {
		sigaddset(&set, SIGTSTP);
		sigprocmask(SIG_BLOCK, &set, NULL);
	}
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Until the process ends. */
static void wait_for_end(int pidfd, int signals)
{
	struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN },
		{ .fd = signals, .events = POLLIN } };

	while (poll(fds, 2, -1) < 0 || !fds[0].revents) {
		if (fds[1].revents & POLLIN)
			pass_on(signals, pidfd, NULL);
		fds[0].revents = fds[1].revents = 0;
	}
}

void foreground_attend(int pidfd)
{
	autofd int signals = open_signals(false);

	wait_for_end(pidfd, signals);
}

/* What was written before the end is shown, unless we are told not to wait for who reads it. */
static void show_rest(struct screen *s, const struct birth *b, int signals)
{
	struct pollfd fds[SCREEN_FDS + 1];

	for (;;) {
		nfds_t n = screen_poll(s, fds);
		screen_move(s, fds);
		if (screen_is_drained(s))
			return;
		screen_poll(s, fds);
		fds[n] = (struct pollfd){ .fd = signals, .events = POLLIN };
		/* Only who reads is waited for: who writes has ended. */
		if (poll(fds, n + 1, s->shows.to ? -1 : 0) > 0 && fds[n].revents &&
			pass_on(signals, b->pidfd, s))
			return;
	}
}

static void show_to_end(struct screen *s, struct birth *b, int signals)
{
	struct pollfd fds[SCREEN_FDS + 2];

	screen_begin(s, b->terminal, b->terminal);
	for (;;) {
		nfds_t n = screen_poll(s, fds);
		fds[n] = (struct pollfd){ .fd = b->pidfd, .events = POLLIN };
		fds[n + 1] = (struct pollfd){ .fd = signals, .events = POLLIN };
		if (poll(fds, n + 2, -1) < 0)
			continue;
		if (fds[n + 1].revents)
			pass_on(signals, b->pidfd, s);
		if (fds[n].revents)
			break;
		screen_move(s, fds);
		if (s->is_gone && b->terminal >= 0) {
			screen_end(s);
			own_close(&b->terminal);
			b->terminal = -1;
		}
	}
	if (!s->is_gone)
		show_rest(s, b, signals);
	screen_end(s);
}

void foreground_attend_shown(struct birth *b, struct screen *s)
{
	autofd int signals = open_signals(true);

	show_to_end(s, b, signals);
	wait_for_end(b->pidfd, signals);
}

void foreground_show(struct screen *s, int output, int terminal, int pidfd)
{
	struct pollfd fds[SCREEN_FDS + 1];

	autofd int signals = open_signals(true);
	screen_begin(s, output, terminal);
	while (!s->is_gone && !s->is_detached) {
		nfds_t n = screen_poll(s, fds);
		fds[n] = (struct pollfd){ .fd = signals, .events = POLLIN };
		if (poll(fds, n + 1, -1) < 0)
			continue;
		if (fds[n].revents)
			pass_on(signals, pidfd, s);
		screen_move(s, fds);
	}
	screen_end(s);
}

int foreground_wait(
	struct birth *b, struct screen *screen, int cgroup, struct outcome *ret, struct err *e)
{
	bool shows = screen && b->terminal >= 0;
	siginfo_t info = { 0 };

	autofd int signals = open_signals(shows);
	if (shows)
		show_to_end(screen, b, signals);
	else
		wait_for_end(b->pidfd, signals);
	while (waitid(P_PIDFD, (id_t)b->pidfd, &info, WEXITED | WNOWAIT) < 0)
		if (errno != EINTR)
			return err_set(e, errno, "wait for process %d", (int)b->pid);
	/* It is gone: what it said last is there, if it said something. */
	enum channel_type ignored;
	int r = b->unheard ? birth_next(b, &ignored, e) : 0;
	if (r == 0 && info.si_code != CLD_EXITED && !birth_was_over(b))
		r = birth_died(b, cgroup, e);
	waitid(P_PIDFD, (id_t)b->pidfd, &info, WEXITED);
	b->over = true;
	if (r == 0)
		tell(&info, cgroup, ret);
	return r;
}
