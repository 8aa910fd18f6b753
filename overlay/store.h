/*
 * The store: one directory that holds images, layers and the files of containers.
 *
 *	version			"cowrun-store 1", or "cowrun-store 1 user": see overlay/form.h
 *	lock			flock: shared while layers are put to use, exclusive while some go
 *	blobs/sha256/HEX	manifests and configs, read-only
 *	layers/HEX/		an unpacked layer, by the digest of its tar (diffID):
 *		fs/		its files, in overlayfs form
 *		recipe, kept/	what its tar is made of again: see overlay/recipe.h
 *		objects		names of the objects that they need, if there are any
 *		meta.json	written last: a layer without it is rubbish
 *	objects/		contents that layers share, by content; see overlay/object.h
 *	images/NAME.json	a record each, replaced atomically, readable without a lock
 *	downloads/HEX		what has come of a blob that is being pulled, flocked by who does
 *	containers/ID/		u/ and w/ (upper and work), or tree/, or a link volume; meta.json
 *			sealed/ in a template's: what its forks stand on; see overlay/forks.h
 *	bases/NUMBER/		a merged tree, for snapshots; see overlay/base.h
 *	tmp/			work in progress, each directory flocked by its worker
 *	trash/			renamed away, to be deleted
 *	empty/			a/ and b/: layers of nothing, where overlay wants two
 *
 * Everything is 0700 and root's, or an ordinary user's: a layer holds set-user-id programs of
 * strangers. A `struct store`
 * owns its directory fd; all else is reached by it.
 */
#ifndef OVERLAY_STORE_H
#define OVERLAY_STORE_H

#include "overlay/form.h"
#include "spec/base/err.h"
#include "spec/base/own.h"
#include "spec/base/str.h"

#define STORE_DEFAULT "/var/lib/cowrun"

enum store_access {
	STORE_READ,   /* it must exist (-ENOENT) */
	STORE_CREATE, /* made where missing, parents too */
};

struct store {
	int dir;
	enum overlay_form form; /* of its layers: that of who made it */
	char *path;		/* for messages only */
};

/* For a `struct store` that nothing was opened in: store_done() may be called on it. */
#define STORE_NONE                                                                                 \
	{                                                                                          \
		.dir = -1                                                                          \
	}

/*
 * Refuses (-EPERM) a store that is not ours or that others may write, and (-EPROTO) one of another
 * version.
 */
int store_open(const char *path, enum store_access access, struct store *ret, struct err *e);
/* That of `path` in the place of the one that is open, if it is another; on failure the old one stays. */
int store_change(struct store *store, const char *path, struct err *e);

void store_done(struct store *store);
DEFINE_AUTO(store, store_done)

enum store_use {
	STORE_SHARED,	 /* what exists now stays while the lock is held */
	STORE_EXCLUSIVE, /* layers and blobs may be taken away */
};

/* Waits for the lock; closing the fd gives it back. */
int store_lock(const struct store *store, enum store_use use, int *ret_fd, struct err *e);

/* A small file in one of the rooms above: whole, and on disk before it is seen. */
int store_put(const struct store *store, const char *room, const char *name, const struct str *text,
	struct err *e);

/* Flushes what was written to the file system of the store. */
int store_sync(const struct store *store, struct err *e);

#endif
