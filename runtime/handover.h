/*
 * A file descriptor handed to whoever listens on a socket: --console-socket and --pidfd-socket, and
 * between `cow` and the monitor of a terminal.
 *
 * One stream connection and one message: a name, which is not empty, and one fd beside it. That is
 * what runc sends, and what conmon and containerd's shim take.
 */
#ifndef RUNTIME_HANDOVER_H
#define RUNTIME_HANDOVER_H

#include "spec/base/err.h"

/* The connection. `option` is what messages call it. The path may be longer than a socket's address
 * can be: podman's are. */
int handover_connect(const char *path, const char *option, struct err *e);

/* -errno. */
int handover_send(int socket, const char *name, int fd);

/* Waits for one of that name. -errno; -EPROTO for anything else, the end included. */
int handover_receive(int socket, const char *name, int *ret);

/* A socket `name` in a directory, whatever its path, that listens. `type`: SOCK_STREAM, ... */
int handover_listen(int dir, const char *name, int type, struct err *e);
/* A connection to it. `type`: with SOCK_NONBLOCK for one that does not wait until it is accepted. -errno. */
int handover_reach(int dir, const char *name, int type);

/* --pidfd-socket, whole; no path, no error. */
int handover_pidfd(const char *path, int pidfd, struct err *e);

#endif
