/*
 * A layer's directory held against what it should be: another directory with the same names, types,
 * sizes, owners, modes, times, attributes and links.
 *
 * Contents of files are not looked at. A stub (overlay/stub.h) is a file like others, if its object
 * is one that it may have.
 */
#ifndef OVERLAY_COMPARE_H
#define OVERLAY_COMPARE_H

#include "overlay/objects.h"
#include "overlay/store.h"

struct comparison {
	enum overlay_form form;
	const char *implicit; /* directories whose times are nobody's: '\0' behind each path */
	size_t implicit_len;
	const struct object_list *listed;  /* sorted: the objects that the layer may use */
	const struct object_list *damaged; /* sorted: those that nobody should */
	/* Is told of each difference, by its path below the layer's root. */
	void (*tell)(void *to, const char *path, const char *what);
	void *to;
};

/* Directory fds, for reading. Only what keeps it from going on is an error. */
int compare_trees(const struct comparison *c, int layer, int model, struct err *e);

#endif
