/*
 * Images out of the store, as one tar that is an OCI image layout and a docker archive at once:
 *
 *	oci-layout, index.json		for whoever knows OCI; names are annotations of the index
 *	manifest.json			for whoever knows `docker save`
 *	blobs/sha256/HEX		what both refer to: manifests, configs, layers
 *
 * Layers are the tars that they were, uncompressed (overlay/recipe.h), so they and the image keep
 * their digests; each is there once. The same images give the same bytes. What was removed since it
 * was named is not noticed: the store is locked against that.
 */
#ifndef OVERLAY_SAVE_H
#define OVERLAY_SAVE_H

#include "overlay/recipe.h"
#include "overlay/store.h"

/* What cannot be saved is told before the first byte, but for damage of a layer's files. */
int save_images(const struct store *store, char *const *refs, size_t n, recipe_sink *sink, void *to,
	struct err *e);

#endif
