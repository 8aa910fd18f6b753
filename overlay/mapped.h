/*
 * The directories of one mount, seen with other ids.
 *
 * A store keeps files with the ids of their image. A container with a user namespace of its own gets clones of its
 * layers which are id-mapped (mount_setattr(2)): 33 in a layer is the host's id that is 33 in that namespace. So
 * is what it writes, which lies in the store as of 33 again. The overlay over them belongs to that
 * namespace's root: by its ids, as ours are not mapped, work files are made.
 */
#ifndef OVERLAY_MAPPED_H
#define OVERLAY_MAPPED_H

#include "overlay/lowers.h"

struct overlay_ids {
	int user_namespace; /* borrowed; an fd */
	uid_t uid;	    /* its root, out here */
	gid_t gid;
};

struct mapped {
	int *lowers; /* detached; so many as of the lowers */
	size_t n;
	int objects;
	int own; /* the container's directory */
};

#define MAPPED_NONE                                                                                \
	{                                                                                          \
		.objects = -1, .own = -1                                                           \
	}

/* Of a container's layers, and its directory `dir` (-1: none). */
int mapped_open(const struct overlay_ids *ids, const struct lowers *l, int dir, struct mapped *ret,
	struct err *e);
void mapped_done(struct mapped *m);
DEFINE_AUTO(mapped, mapped_done)

/* This process makes files as that root, with the privileges that it has; and as itself again. -errno. */
int mapped_become(const struct overlay_ids *ids);
void mapped_leave(void);

#endif
