/* A stand-in for a container's first process, started. */
#include "runtime/standin.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "spec/base/libexec.h"
#include "spec/base/own.h"

/* As setns(2) takes them of a pidfd; not its files, which ours is found in, nor what begins with a fork. */
enum { SEEN = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP };

_Noreturn static void become(const char *program, int status, int fork)
{
	static char *const argv[] = { (char *)STANDIN_PROGRAM, NULL };
	static char *const envp[] = { NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setns(fork, SEEN); /* who may not still waits */
	int up_status = fcntl(status, F_DUPFD_CLOEXEC, STANDIN_FDS);
	int up_fork = fcntl(fork, F_DUPFD_CLOEXEC, STANDIN_FDS);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (dup2(up_status, STANDIN_STATUS) >= 0 && dup2(up_fork, STANDIN_PIDFD) >= 0 &&
		close_range(STANDIN_FDS, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */) == 0)
		execve(program, argv, envp);
	_exit(127);
}

pid_t standin_begin(int status, int fork_pidfd, struct err *e)
{
	char program[4096];
	int r = libexec_find(STANDIN_PROGRAM, program, e);

	if (r < 0)
		return r;
	pid_t pid = fork();
	if (pid == 0)
		become(program, status, fork_pidfd);
	return pid < 0 ? err_set(e, errno, "fork the stand-in") : pid;
}
