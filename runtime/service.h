/*
 * A container as the service of a service manager, which tells its wishes in our environment.
 *
 * LISTEN_FDS, LISTEN_PID (sd_listen_fds(3)): sockets from file descriptor 3 on, handed on to the
 * program, with LISTEN_PID=1. NOTIFY_SOCKET (sd_notify(3)): the program gets a socket of its own as
 * SERVICE_SOCKET, and when it says READY=1 there we say so to the manager; nothing else of what it
 * says reaches that. The socket is in a directory of the record, which is mounted before the program
 * starts; it is bound by `run` or `start`, which wait for the word.
 */
#ifndef RUNTIME_SERVICE_H
#define RUNTIME_SERVICE_H

#include "runtime/record.h"
#include "spec/spec.h"

#define SERVICE_SOCKET "/run/notify/notify.sock"

/* How many sockets there are, 3, 4, ...; `p` (NULL: nobody) is told of them. -ENOMEM. */
int service_sockets(struct process_spec *p, struct err *e);

/* Whether a manager waits for a word; and what a container needs to give it. `dir`: its record's. */
bool service_is_awaited(void);
int service_prepare(
	const struct home *h, const char *id, int dir, struct spec *spec, struct err *e);

/* The bound socket of a container that was prepared; -1 (and 0) of any other. */
int service_listen(int dir, int *ret_socket, struct err *e);

/* Waits for the word, or for the end of the process, and passes it on: `whom`: what it is about. */
void service_relay(int socket, int pidfd, pid_t whom);
/* The same by a process apart. */
int service_relay_apart(int socket, int pidfd, pid_t whom, struct err *e);

#endif
