/*
 * A container's changes as an image: one more layer upon those that it was made of, and the config
 * of its image with a line of history more.
 *
 * The layer is a tar (overlay/pack.h) that is taken in like any other: hashed, unpacked, synced,
 * published; all of it in time proportional to the change. The same changes give the same layer.
 *
 * Of a fork there are two: what its template had changed is a layer below, the same for all its forks.
 */
#ifndef OVERLAY_COMMIT_H
#define OVERLAY_COMMIT_H

#include <signal.h>

#include "overlay/claim.h"
#include "overlay/image.h"
#include "overlay/packer.h"

struct commit_options {
	const char *ref;			   /* the image's name */
	const char *author, *message, *created_by; /* NULL: not told */
	char *const *changes;			   /* of its config: spec/image_change.h */
	size_t n_changes;
	const struct changes
		*template;	 /* what it was forked from had changed; NULL: it is no fork */
	const char *template_by; /* created_by of that layer */
	struct packer_hold hold; /* of the container, while its files are read */
	const volatile sig_atomic_t *cancelled; /* as in struct import_options */
};

/* `base`: what the container was made of. `ret`: the image; the caller ends it. */
int commit(const struct store *store, const struct claim *base, const struct changes *changes,
	const struct commit_options *options, struct image_list *ret, struct err *e);

#endif
