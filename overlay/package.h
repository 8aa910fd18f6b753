/*
 * One image on its way into the store: its documents, and where its layers' bytes are.
 *
 * What a layout and a docker archive have in common once their own indexes are read. Everything is
 * borrowed from whoever read these.
 */
#ifndef OVERLAY_PACKAGE_H
#define OVERLAY_PACKAGE_H

#include "overlay/image.h"
#include "overlay/parcel.h"

struct package_layer {
	const char *member; /* of the parcel */
	const char *digest; /* of these bytes; NULL: not known, the diffID is all there is */
	uint64_t size;	    /* of these bytes; UINT64_MAX: not known */
	const struct media_type *type; /* what they are called; NULL: not known */
};

struct package {
	const char *const *refs; /* the names it gets */
	size_t n_refs;
	const char *digest;	       /* that a name may have; NULL: none may */
	const char *manifest, *config; /* JSON; manifest NULL: there is none */
	size_t manifest_len, config_len;
	struct package_layer *layers; /* base first */
	size_t n_layers;
};

/* Verifies and publishes it; its records are added to the list. */
int package_load(const struct store *store, const struct parcel *parcel, const struct package *p,
	const struct import_options *options, struct image_list *ret, struct err *e);

/* Go's name for this machine: "amd64", "arm64". */
const char *package_architecture(void);

/*
 * The last step of every import: `record` under each of the names, copies into the list. What only
 * an image of the same name used before goes. `hold`: the store's shared lock, given back; or NULL.
 * -EAGAIN as image_publish().
 */
int package_publish(const struct store *store, const struct image_record *record,
	const char *const *refs, size_t n_refs, int *hold, struct image_list *ret, struct err *e);

#endif
