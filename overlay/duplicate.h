/*
 * A tree of files again, elsewhere: owners, modes, times, extended attributes (those that layers
 * may have, overlay/attributes.h), hard links, holes, device nodes.
 *
 * What is copied is seen through a read-only mount of a container's layers. Content is shared by
 * reference where that is asked for and the file system can (FICLONE): of the layer's own file,
 * since an overlay's shares nothing; else it is read and written.
 *
 * Or it is an upper layer, of which the copy is to be another one with the same files: its
 * directories are made again, with what they hide, and all that is none has a further name.
 */
#ifndef OVERLAY_DUPLICATE_H
#define OVERLAY_DUPLICATE_H

#include <stdbool.h>
#include <stddef.h>

#include "overlay/store.h"

struct duplicate {
	const struct store *store;
	int from;	   /* the merged tree: its root directory; `by_name`: an upper layer's */
	const int *layers; /* what it is merged from, lowest first; with `by_reference` */
	size_t n_layers;
	bool by_reference, by_name;
};

/* Into the empty directory `to`, which becomes as `from` is. Half done on failure. */
int duplicate_tree(const struct duplicate *d, int to, struct err *e);

/* Whether files in that directory can share their content. 0, or -errno: why not. */
int duplicate_probe(int dir);

#endif
