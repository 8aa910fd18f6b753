/*
 * The ways in which a container gets files of its own from the layers of an image.
 *
 * `overlay` mounts the layers below an upper directory: nothing is copied, and what is only read is
 * in memory once for all. The others give each container a whole tree: a snapshot of a base tree
 * that is made of the layers once and kept (overlay/base.h), or a copy made of them each time.
 * There the container's files are a plain directory, containers/ID/tree, of which its root is a
 * detached bind mount; or a volume outside of the store (overlay/volume.h).
 *
 * A way is a row of a table; overlay/stack.h is what the runtime calls.
 */
#ifndef OVERLAY_SNAPSHOT_H
#define OVERLAY_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "overlay/claim.h"
#include "overlay/lowers.h"
#include "overlay/mapped.h"
#include "overlay/store.h"

#define SNAPSHOT_TREE "tree"

/* What a container's files are made of, and where. All of it is borrowed. */
struct snapshot {
	const struct store *store;
	const struct claim *claim;
	const struct lowers *lowers;   /* its layers, ready for a mount of the way's kind */
	int dir;		       /* containers/ID, or a base's */
	const struct overlay_ids *ids; /* in which the mount has them; NULL: as they are */
};

struct snapshotter {
	const char *name;
	const char *text;  /* in a few words, for people */
	const char *place; /* what stands behind the name and a colon ("GROUP/POOL"), or NULL */
	bool has_upper;	   /* what the container changed is a directory of its own */
	bool shares_page_cache; /* a file that no container changed is in memory once */
	bool for_users;		/* in a user namespace too */
	/* Whether it can be done in that store: 0, or a negative code and the reason. */
	int (*probe)(const struct store *store, const char *place, struct err *e);
	int (*make)(const struct snapshot *s, struct err *e);
	/* The detached mount; `again`: it was in use before. */
	int (*mount)(const struct snapshot *s, bool again, int *ret_fd, struct err *e);
};

extern const struct snapshotter snapshotters[]; /* the first one is overlay; ends with no name */

/*
 * By its name, with its place: "btrfs", "lvm:GROUP/POOL"; NULL is overlay. -EINVAL where there is
 * no such way; the text lists them.
 */
int snapshotter_find(const char *name, const struct snapshotter **ret, struct err *e);

/*
 * -ENOTSUP: not in this store, or not for us; the text says the way, the store and why. `name` as
 * above, or NULL: whether it can be done in some place.
 */
int snapshotter_check(
	const struct snapshotter *way, const char *name, const struct store *store, struct err *e);

/* The layers as one tree: a read-only detached mount. */
int snapshot_merged(const struct snapshot *s, int *ret_fd, struct err *e);

/* The layers' files into an empty directory, which becomes their root. */
int snapshot_fill(const struct snapshot *s, int tree, bool by_reference, struct err *e);

#endif
