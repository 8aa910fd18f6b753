/*
 * User-mode networking: a program of the host, pasta or slirp4netns, carries packets between the
 * network namespace of a container and sockets of the host.
 *
 * What the container sees is the same with both: a device NETWORK_DEVICE with NETWORK_ADDRESS/24, a
 * router NETWORK_ROUTER, and a name server NETWORK_RESOLVER, which asks whom the host asks. The
 * program is kept by a keeper (runtime/keeper.h), which ends with the container, and with which it
 * ends.
 */
#ifndef RUNTIME_NETWORK_H
#define RUNTIME_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/record.h"
#include "spec/ports.h"

#define NETWORK_DEVICE "tap0"
#define NETWORK_ADDRESS "10.0.2.100"
#define NETWORK_ROUTER "10.0.2.2"
#define NETWORK_RESOLVER "10.0.2.3"

#define NETWORK_SOCKET "network" /* beside the record: where a program is asked for ports */

/* How a program is told; a row of network_programs[]. */
struct network_program {
	const char *name, *package;
	const char *const *arguments; /* always, NULL at the end */
	const char *const *last;      /* which namespace: behind all others */
	const char *no_host_loopback; /* so that the router is not the host's loopback */
	const char *tcp, *udp;	      /* options for ports; NULL: by the socket */
};

extern const struct network_program network_programs[]; /* the first that is there is taken */

struct network {
	const struct network_program *program; /* NULL: none */
	char path[4096];		       /* where it is */
	bool host_loopback;		       /* the router's address is the host's loopback */
	const struct port *ports;	       /* borrowed */
	size_t n_ports;
	char keeper[4096]; /* where that program is */
};

/* By its name, or (NULL) whichever is installed. -ENOENT names the packages. */
int network_find(const char *name, struct network *ret, struct err *e);

/* Its command line, NULL at the end; the caller frees it with network_command_free(). NULL: no memory. */
char **network_command(const struct network *n);
void network_command_free(char **argv);

/* Whose network it is. */
struct network_target {
	pid_t pid; /* its first process, our child: it cannot be another one meanwhile */
	int pidfd;
	int dir, journal; /* of its record */
};

/*
 * Up when it returns, with all ports. The record names the keeper before the program is started; on
 * failure nothing of it is left. `ret`: the keeper.
 */
int network_start(const struct network *n, const struct network_target *t, struct process_mark *ret,
	struct err *e);

/* Ends it; no error when it has ended, or never was. */
int network_end(const struct process_mark *keeper, struct err *e);

/*
 * The text of /etc/resolv.conf: with the resolver of a user-mode network, the host's words on how
 * names are searched; without, the host's file as it is. The caller frees; NULL: no memory.
 */
char *network_resolver(bool user_mode);

#endif
