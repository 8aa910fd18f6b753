/*
 * The directories that a container's files come from, the topmost first: its own, its template's if it
 * is a fork (overlay/forks.h), then its layers. What is a template's own is not called its own.
 *
 * With them a path inside of the container is found again as the file that it really is, below the
 * overlay, where it has its page cache. Nothing is asked of the container's own mounts. A path alone
 * proves little (the container may have mounted something over it, renamed it, or replaced it after
 * it was mapped), so whoever looks for a file says of each candidate whether it is the one.
 *
 * Of other engines' containers the directories are those that their overlay mount names, if these
 * lie on a file system of the host that cannot make us wait (no FUSE, no network).
 *
 * LIMIT: below a directory that was renamed as a whole (redirect_dir) nothing is found.
 */
#ifndef OVERLAY_STRATA_H
#define OVERLAY_STRATA_H

#include <stdbool.h>
#include <sys/stat.h>

#include "overlay/mount_list.h"
#include "overlay/object.h"
#include "overlay/store.h"

struct stratum {
	int dir;    /* O_PATH */
	char *name; /* of a layer: its digest in our store, or what its engine calls it; "": own */
	bool is_upper; /* an upper layer: its own, or that of a template, whose id is its name */
};

struct strata {
	struct stratum *v;
	size_t n;
	int objects; /* contents that our layers share; -1: none do */
	enum overlay_form form;
	bool ours; /* of a container of a store: names are digests */
};

#define STRATA_NONE                                                                                \
	{                                                                                          \
		.objects = -1                                                                      \
	}

/* Of the container `id` of that store. -ENODATA: its files are in a volume. */
int strata_of_container(
	const struct store *store, const char *id, struct strata *ret, struct err *e);

/*
 * By the options of an overlay mount ("lowerdir=...,upperdir=..."); `host`: what is mounted for us.
 * Directories that we cannot or must not open are left out.
 */
int strata_of_overlay(
	const char *options, const struct mount_list *host, struct strata *ret, struct err *e);

void strata_done(struct strata *s);
DEFINE_AUTO(strata, strata_done)

/* The file that was looked for: which stratum has it, and the inode that has its data. */
struct strata_hit {
	const struct stratum *stratum;
	struct object_name object; /* "": the data is in the stratum itself */
	dev_t dev;
	ino_t ino;
};

/* 1: this open file is the one; 0: it is not; -errno ends the search. */
typedef int strata_is(void *data, int file);

/* 1 with the hit; 0: none of them; -errno. `path` is absolute, and without symlinks. */
int strata_find(const struct strata *s, const char *path, strata_is *is, void *data,
	struct strata_hit *ret);

#endif
