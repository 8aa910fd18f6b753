/*
 * Code brought into a process that knows nothing of it.
 *
 * Theory of operation. The process sleeps in a system call and has one thread. It is stopped there
 * (runtime/tracee.h), and made to call mmap(2), sigaltstack(2) and rt_sigaction(2) for us: that maps a
 * graft (runtime/graft.h) with a stack, both with nothing mapped on either side, and makes its entry the
 * handler of a real-time signal that the process does not use. That signal is pending when it is let
 * go, so the kernel itself keeps all its registers, and sees to the interrupted system call as it does
 * for any signal: the handler (runtime/injected/entry.h) may fork, and who returns from it goes on.
 */
#ifndef RUNTIME_INJECT_H
#define RUNTIME_INJECT_H

#include <stddef.h>

#include "runtime/mark.h"
#include "spec/base/err.h"

enum {
	INJECT_SETTLE_MS = 100, /* so long it must have slept without waking */
	INJECT_STACK = 256 * 1024,
};

struct inject_options {
	const void *graft; /* a file of n_graft bytes */
	size_t n_graft;
	int listener; /* an fd of the process that has to be a socket; -1: none */
	int timeout_ms;
};

/*
 * Waits until the process sleeps, then makes it run the graft. -ETIME, with what it was instead, when
 * it does not sleep so within the time; -ESRCH when it ends; -ENOTSOCK: it has no such listener.
 */
int inject(const struct process_mark *process, const struct inject_options *o, struct err *e);

#endif
