/*
 * Images by name: a record in the store each, that names a config and layers.
 *
 * Names are kept as given, with ":latest" where there is neither tag nor digest. A look-up tries
 * the name as it is, then the name that it has in a registry (spec/reference.h), then the only image
 * whose name ends in "/NAME", then the only one whose id begins with the digits given (at least 6):
 * `debian` finds "debian:latest", else "docker.io/library/debian:latest", else
 * "localhost:5000/debian:latest". Finding takes no lock: records are replaced atomically.
 */
#ifndef OVERLAY_IMAGE_H
#define OVERLAY_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "overlay/store.h"
#include "spec/image.h"

#define IMAGE_REF_MAX 240 /* with its tag: a record's file name holds it */

struct image {
	struct image_record record; /* .config is the image's id, .layers lowest first */
	struct image_config config;
};

/* The name under which `ref` is kept, the caller's; -EINVAL when it is no image name. */
int image_name(const char *ref, char **ret, struct err *e);

/*
 * The same for a name that something is about to get: one with a digest says what it means, and only
 * what has this digest (NULL: nothing has) may be called so.
 */
int image_name_for(const char *ref, const char *digest, char **ret, struct err *e);

/* -ERR_NO_IMAGE when there is none ("no image 'x' in the store '/…'"), -ENOTUNIQ: several. */
int image_find(const struct store *store, const char *ref, struct image *ret, struct err *e);
/* The record alone. */
int image_find_record(
	const struct store *store, const char *ref, struct image_record *ret, struct err *e);
/* A config alone. Its digest is not verified: that takes a library which `cow` does not link. */
int image_read_config(
	const struct store *store, const char *digest, struct image_config *ret, struct err *e);
void image_done(struct image *image);
DEFINE_AUTO(image, image_done)

/* All records, by name. A record that cannot be read is skipped with a warning. */
struct image_list {
	struct image_record *records;
	size_t n, n_damaged;
};

int image_list(const struct store *store, struct image_list *ret, struct err *e);
void image_list_done(struct image_list *list);
DEFINE_AUTO(image_list, image_list_done)

/*
 * Makes the image visible, under the shared lock and only if its layers and documents are all there
 * (-EAGAIN: one was removed meanwhile, import it again). Replaces an image of the same name.
 */
int image_publish(const struct store *store, const struct image_record *record, struct err *e);

/* Whether that whole name is taken, by an image or by the damaged record of one. */
bool image_exists(const struct store *store, const char *name);

/* Takes a whole name away, and nothing else. */
int image_forget(const struct store *store, const char *name, struct err *e);

struct image_removal {
	char *name;	       /* the image that was meant */
	size_t n_layers;       /* that went with it */
	uint64_t size;	       /* of these, bytes unpacked */
	uint64_t objects_size; /* on disk, of contents that no layer has any more */
};

/*
 * Removes the name, and all layers and blobs that no image and no container uses then. What a
 * container uses stays, and the container goes on.
 */
int image_remove(
	const struct store *store, const char *ref, struct image_removal *ret, struct err *e);
/* The same without taking a name away: what nobody uses any more. ret->name is NULL. */
int image_prune(const struct store *store, struct image_removal *ret, struct err *e);
void image_removal_done(struct image_removal *removal);

#endif
