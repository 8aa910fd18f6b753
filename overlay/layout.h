/*
 * The two forms in which images are handed over: an OCI image layout, and `docker save`'s archive.
 *
 * Both load every image in a parcel that has a name and is for this machine; `options->name` gives
 * the only one a name, or another one. An archive that is both is read as a layout.
 */
#ifndef OVERLAY_LAYOUT_H
#define OVERLAY_LAYOUT_H

#include "overlay/package.h"

/* Members: oci-layout, index.json, blobs/sha256/HEX. */
int layout_load(const struct store *store, const struct parcel *parcel,
	const struct import_options *options, struct image_list *ret, struct err *e);

/* Members: manifest.json, and what it names. No digests are given: the config's diffIDs are. */
int docker_load(const struct store *store, const struct parcel *parcel,
	const struct import_options *options, struct image_list *ret, struct err *e);

#endif
