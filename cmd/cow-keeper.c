/*
 * cow-keeper: keeps the network of a container. See runtime/keeper.h.
 *
 * There is one for each container with such a network, for as long as it lives: no libc under it.
 */
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "runtime/init/sys.h"
#include "runtime/init/text.h"
#include "runtime/keeper.h"

static bool may_begin(void)
{
	char word;
	long n;

	do
		n = sys(read, KEEPER_LINE, &word, 1);
	while (n == -EINTR);
	return n == 1;
}

/*
 * A path that any version of a program can open, whichever files and capabilities it gives up
 * before it does: pasta of 2024 closes all files, and no version may look into /proc of others. The
 * bind is in our own mount namespace; what is unmounted on the host is let go here too.
 */
static long bind_namespace(void)
{
	char from[] = { '/', 'p', 'r', 'o', 'c', '/', 's', 'e', 'l', 'f', '/', 'f', 'd', '/',
		'0' + KEEPER_NAMESPACE, '\0' };
	long r = sys(unshare, CLONE_NEWNS);

	if (r == 0)
		r = sys(mount, "", "/", "", MS_REC | MS_SLAVE, 0);
	if (r == 0)
		r = sys(mount, from, KEEPER_MOUNT_POINT, "", MS_BIND, 0);
	sys(close, KEEPER_NAMESPACE);
	return r;
}

/* The pidfd of the program's process. */
static int start(char *const *argv, char *const *envp)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD
	};
	long pid = sys(clone3, &args, sizeof(args));

	if (pid == 0) {
		sys(close, KEEPER_PIDFD);
		sys(execve, argv[0], argv + 1, envp);
		sys(exit_group, 127);
	}
	return pid < 0 ? -1 : pidfd;
}

/*
 * Who leaves with 0 has left a daemon behind (pasta), which is ready then. Who stays tells by the
 * line itself (slirp4netns). False: it has failed.
 */
static bool has_left(int program)
{
	siginfo_t info = { 0 };
	const char ready = KEEPER_READY;

	sys(waitid, P_PIDFD, program, &info, WEXITED, 0);
	sys(close, program);
	if (info.si_code != CLD_EXITED || info.si_status != 0)
		return false;
	sys(sendto, KEEPER_LINE, &ready, 1, MSG_NOSIGNAL, 0, 0);
	sys(close, KEEPER_LINE);
	return true;
}

static int keep(char *const *argv, char *const *envp)
{
	if (!may_begin() || bind_namespace() < 0)
		return 1;
	int program = start(argv, envp);
	if (program < 0)
		return 1;
	struct pollfd fds[] = { { .fd = KEEPER_PIDFD, .events = POLLIN },
		{ .fd = program, .events = POLLIN } };
	do {
		if (sys(ppoll, fds, 2, 0, 0, 0) < 0)
			fds[0].revents = fds[1].revents = 0;
		if (!fds[1].revents)
			continue;
		if (!has_left(program))
			return 1;
		fds[1].fd = -1;
	} while (!fds[0].revents);
	return 0;
}

_Noreturn void keeper_main(char *const *words);

/* `words`: argc, argv, the environment, each with its end, as the kernel leaves them on the stack. */
_Noreturn void keeper_main(char *const *words)
{
	long argc = (long)words[0];
	char *const *argv = words + 1;

	for (;;)
		sys(exit_group, argc > 2 ? keep(argv + 1, argv + argc + 1) : 1);
}

/* The kernel jumps here with argc at the stack pointer; a C function wants it aligned and called.
 */
#ifdef __x86_64__
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n"
	"\tcall keeper_main\n\thlt\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n"
	"\tb keeper_main\n");
#endif
