/*
 * Detached trees: a mount of the host, cloned and attached nowhere, with the flags that it shall
 * have. In this form everything of the host gets into a container.
 */
#ifndef RUNTIME_TREE_H
#define RUNTIME_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/err.h"

struct tree_wish {
	bool recursive;		     /* with all that is mounted below */
	uint64_t rec_set, rec_clear; /* MOUNT_ATTR_*, of all its mounts */
	uint64_t set, clear;	     /* of the topmost, behind those */
	uint64_t
		propagation; /* MS_SLAVE, MS_PRIVATE, of all; 0: a peer of what it is cloned from */
};

/* The fd, the caller's, or -errno. `path` "": what `dirfd` is itself. */
int tree_clone(int dirfd, const char *path, bool recursive);
/* Before it is attached anywhere. `recursive` as it was cloned. */
int tree_change(int fd, const struct tree_wish *wish);
/* Both. */
int tree_make(int dirfd, const char *path, const struct tree_wish *wish);

/* The MOUNT_ATTR_* that a mount has, of those that a bind may keep or lose; -errno. */
int tree_flags(int fd, uint64_t *ret);

/* Id-maps it by that user namespace, before it is attached anywhere. */
int tree_map(int fd, int user_namespace, bool recursive);

#endif
