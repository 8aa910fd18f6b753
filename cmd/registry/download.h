/*
 * A blob on its way into the store's downloads/: a file by its digest, locked by who fetches it.
 *
 * What has come stays when a pull fails or is interrupted, and the next one goes on from there.
 * Size and digest are verified while it comes: no byte more than its size is taken, and what turned
 * out to be something else is removed.
 */
#ifndef CMD_REGISTRY_DOWNLOAD_H
#define CMD_REGISTRY_DOWNLOAD_H

#include "cmd/registry/registry.h"
#include "overlay/digest.h"
#include "overlay/store.h"

struct download {
	struct exchange x; /* its url is the caller's to fill in */
	const struct store *store;
	const char *digest; /* borrowed, as is ... */
	const char *what;   /* ... this, for messages */
	uint64_t size, done;
	struct digest *sum; /* of the bytes so far; NULL before the first try */
	int fd;
	bool resumed; /* some of it came in an earlier run */
	bool fresh;   /* nothing of this try's answer was seen yet */
	bool bad;     /* what came is not what it should be */
	bool whole;
};

/*
 * Waits for another process that fetches the same one (-ECANCELED when interrupted). Two that want
 * several must open them in the same order. `ret` must not move.
 */
int download_open(const struct store *store, const char *digest, uint64_t size, const char *what,
	struct download *ret, struct err *e);

/* Whether an earlier run got all of it: then there is nothing to ask for. Sets `whole`. */
int download_look(struct download *d, struct err *e);

/* Puts a whole one into an open directory, under the digits of its digest. */
int download_link(const struct download *d, int dir, struct err *e);

/* `remove`: what has come is not wanted any more. What is bad goes in any case. */
void download_close(struct download *d, bool remove);

/* What a pull that was killed has kept of a layer that is there by now. */
void download_forget(const struct store *store, const char *digest);

#endif
