/*
 * A container's root file system: an image's layers, read-only, below an upper layer of its own.
 *
 * stack_make() leaves containers/ID/ in the store (until stack_remove()) and gives a detached
 * overlay mount: it is attached nowhere, belongs to no path on the host, and is gone when its last
 * fd is closed. The runtime attaches it inside the container's mount namespace with move_mount().
 *
 * Overlay is told: index=off (hard links may break on copy-up, and two mounts of one upper would
 * not be noticed: the locked directory prevents these), redirect_dir=nofollow and metacopy=off (a
 * crafted layer must not point elsewhere; see overlay/mount.h for layers with shared files), xino=auto, and volatile (a container's files are not
 * worth a sync at every umount). Device nodes of an image are inert (nodev).
 */
#ifndef OVERLAY_STACK_H
#define OVERLAY_STACK_H

#include <stdbool.h>

#include "overlay/claim.h"
#include "overlay/image.h"
#include "overlay/mapped.h"
#include "overlay/text_list.h"

struct stack {
	int rootfs; /* the detached mount */
	int dir;    /* containers/ID, flocked: held (or inherited) as long as the mount is in use */
};

#define STACK_NONE                                                                                 \
	{                                                                                          \
		.rootfs = -1, .dir = -1                                                            \
	}

/*
 * `read_only`: no upper at all, nothing can be made in it, mount points neither. -EEXIST: the id
 * has files already; -ENOENT: a layer is missing; where overlay itself refuses, the kernel's own
 * words. On failure nothing of the id is left.
 */
int stack_make(const struct store *store, const struct image *image, const char *id, bool read_only,
	struct stack *ret, struct err *e);

/*
 * The same by another way than overlay (overlay/snapshot.h), by its name; NULL: overlay. -EINVAL:
 * there is none of that name; -ENOTSUP: it cannot be done in this store. `ids`: the mount has its files in
 * those (overlay/mapped.h); NULL: as they are.
 */
int stack_make_by(const struct store *store, const struct image *image, const char *id,
	const char *snapshotter, bool read_only, const struct overlay_ids *ids, struct stack *ret,
	struct err *e);

/*
 * A container's files as those of a template (overlay/forks.h), to which nothing may be written any
 * more. That it is mounted and its lock held is no hindrance. The first fork does it otherwise.
 */
int stack_seal(const struct store *store, const char *id, struct err *e);
bool stack_is_sealed(const struct store *store, const char *id);

/*
 * A fork's: what the template `template` has in its upper layer becomes the topmost lower layer of
 * this one, above those of its image. -ENOENT: it has no files; -ENOTSUP: they are by another way than
 * overlay, or themselves a fork's.
 */
int stack_fork(const struct store *store, const char *template, const char *id, bool read_only,
	const struct overlay_ids *ids, struct stack *ret, struct err *e);

/* The ids of those who have files above those of the template `id`, sorted. */
int stack_forks(const struct store *store, const char *id, struct text_list *ret, struct err *e);
/* -EBUSY when there are some, as stack_remove() has it. */
int stack_refuse_forked(const struct store *store, const char *id, struct err *e);

/*
 * Mounts the files of a container that was made before; -EBUSY while somebody holds its lock, or has
 * files above them.
 */
int stack_mount(const struct store *store, const char *id, struct stack *ret, struct err *e);

void stack_done(struct stack *stack); /* closes; the files stay */
DEFINE_AUTO(stack, stack_done)

/* A container's own files (its upper layer), as a directory fd. -ENODATA: it has none. */
int stack_upper(const struct store *store, const char *id, int *ret_fd, struct err *e);

/*
 * The files that are a container's and no image's: its upper layer, or the tree where it has one
 * (overlay/snapshot.h), as a directory fd; -1 where it is read-only and has none. -ENODATA: they are
 * in a volume outside of the store.
 */
int stack_own(const struct store *store, const char *id, int *ret_fd, struct err *e);

/* What it claims: its image and its layers. */
int stack_claim(const struct store *store, const char *id, struct claim *ret, struct err *e);

/* The image that it was made of, also when its name is another's by now. */
int stack_image(const struct store *store, const char *id, struct image *ret, struct err *e);

/*
 * What a container's files are made of, to be read while it runs: its upper layer is not mounted a
 * second time, which overlay leaves undefined. Of a template, its own files are as they are sealed.
 */
struct stack_parts {
	int upper;  /* its own files, -1: it is read-only and has none */
	bool whole; /* these are a tree of all its files, and no upper layer */
	int lowers; /* its image's and its template's, as one read-only mount, attached nowhere */
	struct claim claim;
};

#define STACK_PARTS_NONE                                                                           \
	{                                                                                          \
		.upper = -1, .lowers = -1                                                          \
	}

int stack_open(const struct store *store, const char *id, struct stack_parts *ret, struct err *e);
void stack_parts_done(struct stack_parts *parts);
DEFINE_AUTO(stack_parts, stack_parts_done)

/* An image's files as one read-only mount. The caller holds the store's lock while he reads them. */
int stack_view(const struct store *store, const struct image *image, int *ret_fd, struct err *e);

/*
 * All files of that id, never across a mount (-EXDEV). No error when there are none. -EBUSY: it is a
 * template, and forks of it, which the text names, have files.
 */
int stack_remove(const struct store *store, const char *id, struct err *e);

#endif
