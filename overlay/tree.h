/*
 * A directory tree that is being unpacked: the places of its members, by directory fds.
 *
 * It begins as an empty directory that nobody else can reach, and everything in it is from the one
 * layer. Parents are resolved as if it were "/" (openat2 in root): a symlink that the layer made is
 * followed (real layers write through lib -> usr/lib), and none leads out. What is missing on the
 * way is made, as an implicit directory; what is in the way and no directory makes place.
 */
#ifndef OVERLAY_TREE_H
#define OVERLAY_TREE_H

#include <limits.h>

#include "overlay/form.h"
#include "overlay/pending.h"
#include "overlay/recorder.h"

struct tree {
	int root;		   /* borrowed */
	enum overlay_form form;	   /* in which it is marked */
	struct pending *pending;   /* where implicit directories are noted; borrowed */
	struct recorder *recorder; /* keeps what is replaced; borrowed, NULL: it is removed */
	int parent;		   /* the last parent that was asked for; -1: none */
	char parent_path[PATH_MAX];
	char parent_real[PATH_MAX]; /* the same without symlinks */
};

/* The directory itself, O_PATH, until the next call; made where it is missing. */
int tree_parent(struct tree *t, const char *path, int *ret_fd, struct err *e);

/* Opens a directory without making anything: the fd, -ENOENT, or -ENOTDIR. */
int tree_open_dir(const struct tree *t, const char *path);

/*
 * Takes away whatever `name` is in a directory of the tree, whose path without symlinks is `parent`,
 * with all below it. -errno.
 */
int tree_clear(const struct tree *t, int dirfd, const char *parent, const char *name);

void tree_done(struct tree *t);

#endif
