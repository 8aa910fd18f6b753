/*
 * A process that packs a container's changes into a pipe, while the container is held.
 *
 * Who reads the pipe unpacks, hashes and waits for disks; the container is held only as long as its
 * files are read. The process lets it go whatever comes, also when its reader dies (writing fails
 * then); should it be killed itself, packer_end() does.
 */
#ifndef OVERLAY_PACKER_H
#define OVERLAY_PACKER_H

#include <sys/types.h>

#include "overlay/changes.h"

/* Called with true before the first look at the files, and with false after the last. NULL: none. */
struct packer_hold {
	int (*set)(void *data, bool held, struct err *e);
	void *data;
};

struct packer {
	pid_t pid;
	int pipe; /* the tar; -1: taken by who reads it */
	int reports;
	bool needed; /* there is something to pack */
	struct packer_hold hold;
};

#define PACKER_NONE                                                                                \
	{                                                                                          \
		.pipe = -1, .reports = -1                                                          \
	}

/* Returns when it is known whether there is something to pack. No threads before. */
int packer_start(const struct changes *changes, const struct packer_hold *hold, struct packer *ret,
	struct err *e);

/*
 * Closes the pipe if it was not taken, and waits. `r`, `e`: what reading came to; where packing
 * failed, that is the reason, and is told in its place.
 */
int packer_end(struct packer *p, int r, struct err *e);

#endif
