/* The socket that is listened at: made here, or handed to us by systemd. */
#ifndef CMD_METRICS_LISTENER_H
#define CMD_METRICS_LISTENER_H

#include <sys/types.h>

#include "cmd/metrics/address.h"
#include "spec/base/own.h"

struct listener {
	int fd;
	int dir;    /* of a Unix socket of our own making, which is removed at the end; -1 */
	char *name; /* in there */
	dev_t dev;
	ino_t ino;
	bool is_unix;
	char text[128]; /* "http://127.0.0.1:9477/metrics", "unix:PATH" */
};

#define LISTENER_NONE ((struct listener){ .fd = -1, .dir = -1 })

/*
 * A Unix socket is ours alone (0600). One that nobody listens at any more is replaced; where
 * somebody does, or something else has the name, it is an error.
 */
int listener_open(const struct address *a, struct listener *ret, struct err *e);

/*
 * The one of LISTEN_FDS (sd_listen_fds(3)), which is taken out of the environment. -ENOENT, without
 * a text: there is none.
 */
int listener_of_systemd(struct listener *ret, struct err *e);

/* Removes the socket, if it is still the one that we made. */
void listener_done(struct listener *l);
DEFINE_AUTO(listener, listener_done)

#endif
