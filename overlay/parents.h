/*
 * Layers as overlay must stack them, so that they show what the image's layers say.
 *
 * Three things cannot be said to overlay. A layer that is there twice, it refuses: the upper one
 * hides all of the lower one, which is left out. An opaque root hides all layers below,
 * and overlay does not look at a root's mark: these layers are left out. And a directory that a
 * layer does not name but needs (for "tmp/x", "tmp") would hide the owner and mode that a layer
 * below gives it: where that makes a difference, one more layer is put on top, of these directories
 * and nothing else, with the attributes of the topmost layer that does name them.
 */
#ifndef OVERLAY_PARENTS_H
#define OVERLAY_PARENTS_H

#include <stddef.h>

#include "overlay/store.h"

struct stacking {
	char **layers; /* digests, lowest first; for a layer of ours, of what it says */
	size_t n;
};

/* All of the layers are in the store. */
int parents_stack(const struct store *store, char *const *diff_ids, size_t n, struct stacking *ret,
	struct err *e);
/* Whether a layer is one that was made so, and is as it was: 0, or -ERR_DAMAGED. */
int parents_verify(const struct store *store, const char *digest, struct err *e);

void stacking_done(struct stacking *s);
DEFINE_AUTO(stacking, stacking_done)

#endif
