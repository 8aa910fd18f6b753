/*
 * cow-standin: waits for a fork's end in the place of its engine's child, and ends as it did. See
 * runtime/standin.h. One for each fork that an engine has: no libc under it, a few pages.
 */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "runtime/init/sys.h"
#include "runtime/init/text.h"
#include "runtime/standin.h"

static const uint64_t all_signals = ~0ull, no_signals;

static void pass_on(int signals)
{
	struct signalfd_siginfo info = { 0 };

	while (sys(read, signals, &info, sizeof(info)) == (long)sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			sys(pidfd_send_signal, STANDIN_PIDFD, info.ssi_signo, 0, 0);
}

static int await_status(void)
{
	int status = SIGKILL; /* nobody can tell: it is treated as who has been killed */
	long signals =
		sys(signalfd4, -1, &all_signals, sizeof(all_signals), SFD_CLOEXEC | SFD_NONBLOCK);
	struct pollfd fds[] = { { .fd = STANDIN_STATUS, .events = POLLIN },
		{ .fd = (int)signals, .events = POLLIN } };

	for (;;) {
		if (sys(ppoll, fds, 2, 0, 0, 0) < 0)
			continue;
		if (fds[1].revents)
			pass_on((int)signals);
		if (!fds[0].revents)
			continue;
		if (sys(read, STANDIN_STATUS, &status, sizeof(status)) != -EINTR)
			return status;
	}
}

/* By the same signal, without a core of ours. */
static void end_by(int signal)
{
	const struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} usual = { 0 };
	const uint64_t no_core[2] = { 0, 0 };

	sys(prlimit64, 0, 4 /* RLIMIT_CORE */, no_core, 0);
	sys(rt_sigaction, signal, &usual, 0, sizeof(usual.mask));
	sys(rt_sigprocmask, SIG_SETMASK, &no_signals, 0, sizeof(no_signals));
	long self = sys(getpid);
	sys(kill, self, signal);
}

_Noreturn void standin_main(void);

_Noreturn void standin_main(void)
{
	sys(rt_sigprocmask, SIG_SETMASK, &all_signals, 0, sizeof(all_signals));
	int status = await_status();
	if (WIFSIGNALED(status))
		end_by(WTERMSIG(status));
	for (;;)
		sys(exit_group, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* The kernel jumps here; a C function wants an aligned stack and a call. */
#ifdef __x86_64__
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall standin_main\n\thlt\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tb standin_main\n");
#endif
