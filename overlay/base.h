/*
 * The merged tree of an image's layers, made once and kept: what snapshots are taken of.
 *
 *	bases/NUMBER/		one for each list of layers and way
 *		meta.json	for what it was made (overlay/claim.h), without a container
 *		tree		the tree
 *
 * NUMBER is a sum of that list; a base is used only where its meta.json says the same list, and
 * otherwise the next number is looked at. It is made in tmp/, synced, and renamed into place. It
 * goes with the first of its layers (overlay/garbage.c).
 */
#ifndef OVERLAY_BASE_H
#define OVERLAY_BASE_H

#include "overlay/broom.h"
#include "overlay/snapshot.h"

/*
 * The base for what `s` claims, as a directory fd; where there is none, `build` makes its tree in
 * the directory of the snapshot that it is given. The layers must be claimed by a container.
 */
int base_get(const struct snapshot *s, int (*build)(const struct snapshot *base, struct err *e),
	int *ret_fd, struct err *e);

/* Takes away each base of which a layer is not used any more; the caller holds the store's
 * exclusive lock, and empties the trash. */
int base_sweep(struct broom *broom, bool (*is_used)(void *data, const char *diff_id), void *data,
	struct err *e);

#endif
