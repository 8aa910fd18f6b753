/*
 * What images have in common, in bytes on disk: whole layers, and objects (overlay/object.h).
 *
 * An image alone in a store would take its layers' directories and the objects that these name.
 * What of that no other image has is its own; the rest is shared, with those that have some of it.
 */
#ifndef OVERLAY_SAVINGS_H
#define OVERLAY_SAVINGS_H

#include <stdint.h>

#include "overlay/image.h"

struct saving_peer {
	char *name;
	uint64_t bytes; /* that both have */
};

struct saving {
	char *name;
	uint64_t own, shared;		  /* bytes on disk */
	uint64_t own_files, shared_files; /* contents that are objects */
	struct saving_peer *peers;	  /* the one with most in common first */
	size_t n_peers;
};

struct savings {
	struct saving *all; /* by name */
	size_t n;
	uint64_t disk;	/* what they take together */
	uint64_t apart; /* what each alone would, added up */
};

/* Of all images of the store, each by the first of its names. */
int savings_read(const struct store *store, struct savings *ret, struct err *e);
void savings_done(struct savings *savings);
DEFINE_AUTO(savings, savings_done)

#endif
