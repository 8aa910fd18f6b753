/*
 * What the files of a census really are: of which layer, a container's own, or the host's.
 *
 * A census knows a file by its pages and by the name that a process sees. Here that name is looked
 * for in the container's own files and in its layers, outside of every mount of the container
 * (overlay/strata.h), and a candidate is the one only if it has a page in common with what the
 * process maps: the same frame at the same place. So a container that mounts, renames or replaces
 * what it maps is not believed, and what cannot be proved stays unknown (renamed since; deleted, if
 * it was its own). What is on no overlay is told by the kind of file system that the process has it
 * from.
 */
#ifndef RUNTIME_ORIGINS_H
#define RUNTIME_ORIGINS_H

#include "cgroup/census.h"
#include "overlay/object.h"
#include "runtime/record.h"

#define ORIGIN_SHORT 12 /* characters of a layer's name, as people see it */

enum origin_kind {
	ORIGIN_UNKNOWN,
	ORIGIN_LAYER,
	ORIGIN_TEMPLATE, /* of a template's own files: `layer` is its id */
	ORIGIN_OWN,	 /* of its container */
	ORIGIN_HOST,	 /* of a file system that is mounted in it */
	ORIGIN_TMPFS,	 /* of one in memory */
	ORIGIN_MEMFD,	 /* memory without a file system: memfds, System V, shared anonymous */
	ORIGIN_DEVICE,	 /* below a /dev of the host's */
};

struct origin {
	enum origin_kind kind;
	char *layer;		   /* digest, or another engine's name of it; NULL: it is of none */
	bool ours;		   /* a layer of a store of ours: `layer` is a digest */
	struct object_name object; /* where its data is, of our layers; "": in the layer itself */
	dev_t dev;
	ino_t ino;
};

struct origins {
	struct origin *v; /* of files[i] */
	size_t n;
};

/*
 * Of all files of the census, whose `layer` it fills in; those that turn out to be one become one.
 * records[i] is of usages[i], NULL for what is not ours; n of them.
 */
int origins_find(struct census *c, const struct record *const *records, size_t n,
	struct origins *ret, struct err *e);

void origins_done(struct origins *o);
DEFINE_AUTO(origins, origins_done)

#endif
