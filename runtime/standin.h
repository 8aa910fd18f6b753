/*
 * A stand-in: for an engine, which waits for the process that the pid file names, where a container's
 * first process is a template's fork and the child of a reaper.
 *
 * It is our child, and so, when we have left, the engine's (its subreaper's). It waits until the reaper
 * tells the fork's wait status through a pipe and ends in the same way. Signals that it is sent it passes on. It
 * is in the container's network, IPC, UTS and cgroup namespace, which engines find by that number, and
 * in our cgroup: what the container has is not counted by it, and not killed before it.
 */
#ifndef RUNTIME_STANDIN_H
#define RUNTIME_STANDIN_H

#include <sys/types.h>

#include "spec/base/err.h"

#define STANDIN_PROGRAM "cow-standin"

/* argv: cow-standin. Standard streams are /dev/null. */
enum standin_fd {
	STANDIN_STATUS =
		3,     /* the read end: an int, the wait status; its end without one: SIGKILL */
	STANDIN_PIDFD, /* of the fork */
	STANDIN_FDS,
};

/* `status`, `fork` (its pidfd) are borrowed. The pid of the stand-in, or an error. */
pid_t standin_begin(int status, int fork, struct err *e);

#endif
