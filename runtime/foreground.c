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

/* Those that mean this process alone: its faults, its children, its terminal's size (until there is
 * one), its job control. */
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

static void pass_on(int signals, int pidfd)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == sizeof(info))
		pidfd_send_signal(pidfd, (int)info.ssi_signo, NULL, 0);
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

int foreground_wait(struct birth *b, int cgroup, struct outcome *ret, struct err *e)
{
	sigset_t set;
	siginfo_t info = { 0 };

	forwarded(&set);
	autofd int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	struct pollfd fds[] = { { .fd = b->pidfd, .events = POLLIN },
		{ .fd = signals, .events = POLLIN } };
	while (poll(fds, 2, -1) < 0 || !fds[0].revents) {
		if (fds[1].revents & POLLIN)
			pass_on(signals, b->pidfd);
		fds[0].revents = fds[1].revents = 0;
	}
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
