/*
 * A seccomp agent: the program of the host that answers system calls for a container
 * (SCMP_ACT_NOTIFY). It listens on linux.seccomp.listenerPath, and is sent who calls and the fd to
 * answer through (config-linux.md#containerprocessstate).
 */
#ifndef RUNTIME_NOTIFY_H
#define RUNTIME_NOTIFY_H

#include "runtime/birth.h"
#include "spec/spec.h"
#include "spec/state.h"

/*
 * What birth_next() returned CHANNEL_LISTENER for: sends the fd (b->listener, closed then) to the
 * agent, and lets the process go on. It is b's; the rest is the container's, `init` the pid of its
 * first process.
 */
int notify_agent(struct birth *b, const struct spec *spec, const char *id, const char *bundle,
	enum state_status status, pid_t init, struct err *e);

#endif
