/* Where to listen: a Unix socket, or a port of the loopback device. */
#ifndef CMD_METRICS_ADDRESS_H
#define CMD_METRICS_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "spec/base/err.h"

struct address {
	const char *path; /* of a Unix socket, borrowed; NULL: the other */
	struct sockaddr_storage at;
	socklen_t size;
};

/*
 * "unix:PATH", "127.0.0.1:9477", "[::1]:9477", "localhost:9477"; port 0 is whichever is free. No
 * address of another device: there is no password, and who asks makes root read all of /proc.
 */
int address_parse(const char *text, struct address *ret, struct err *e);

/* Whether a socket's address is one that is taken. */
bool address_is_local(const struct sockaddr_storage *at);

/* "127.0.0.1:9477", into `out`, which is returned. */
const char *address_text(const struct sockaddr_storage *at, char out[64]);

/*
 * Whether a request's Host header names this host: else a page in somebody's browser has been told
 * that its own name is a loopback address (DNS rebinding). NULL: there was none.
 */
bool address_is_host(const char *header);

#endif
