/*
 * What is swept out of the store: counted, measured where that is wanted, and put into the trash,
 * unless it is only to be known what would be.
 */
#ifndef OVERLAY_BROOM_H
#define OVERLAY_BROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "overlay/store.h"

struct broom {
	const struct store *store; /* borrowed */
	bool measures;		   /* a tree is walked for it */
	bool dry;		   /* all stays where it is */
	uint64_t n, bytes;	   /* on disk; a file with several names is counted for each */
};

/* A file or a directory with all in it. */
int broom_take(struct broom *b, int dirfd, const char *name, struct err *e);

#endif
