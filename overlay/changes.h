/*
 * What a container has changed: its own files against its image's, in one walk.
 *
 * Own files are an overlay's upper layer as it lies on the disk (whiteouts, opaque directories), or
 * a whole copy of the image's files with the changes in it. The image's files are one tree, a
 * read-only mount of the layers (overlay/stack.h). Names are visited sorted, a directory before
 * what it holds: the same files give the same order.
 *
 * Not visited: what was copied up and is as it was; places where something is mounted
 * (overlay/mount_points.h), and directories that are there for these alone.
 */
#ifndef OVERLAY_CHANGES_H
#define OVERLAY_CHANGES_H

#include <stdbool.h>

#include "overlay/form.h"
#include "overlay/likeness.h"
#include "overlay/mount_points.h"
#include "spec/spec.h"

struct changes {
	int own, image;		/* directories; own -1: it has none (it was read-only) */
	enum overlay_form form; /* of the store, and so of the upper layer's marks */
	bool whole;		/* own is a copy of all files, and no upper layer */
	bool everything;	/* what was not changed too: the container's whole tree */
	struct mount_points mount_points;
	/* Of its user namespace: an owner `outside` on the disk is `inside` to it. None: as it is. */
	const struct id_map *uids, *gids;
	size_t n_uids, n_gids;
};

enum change_kind {
	CHANGE_NONE, /* as in the image: only of a walk over everything */
	CHANGE_MODIFIED,
	CHANGE_ADDED,
	CHANGE_DELETED,
};

struct change {
	enum change_kind kind;
	const char *path;   /* "etc/passwd"; "" is the root */
	struct place place; /* deleted: only its stat, of what was there */
	/*
	 * Of a file, where its data is: its own place, or the image's (overlay/redirect.h), a path
	 * beneath. To be opened with fd_open_regular(): a symlink on the way leads elsewhere.
	 */
	int content_dir;
	const char *content;
	/*
	 * A directory in the place of one of the image's, none of whose members it shows; and,
	 * deleted, one of these members.
	 */
	bool opaque, hidden;
};

/* 0, or what ends the walk: -errno with a text. */
typedef int change_visit(void *data, const struct change *change, struct err *e);

int changes_walk(const struct changes *changes, change_visit *visit, void *data, struct err *e);

#endif
