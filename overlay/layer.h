/*
 * An unpacked layer in the store: layers/HEX/, where HEX is the sha256 of its tar (diffID).
 *
 * fs/ is what overlay takes as a lower directory. Directories that the tar did not name but needed
 * (its "implicit" ones) are 0755 and root's, and listed in the file `implicit`: there the layer
 * below has the say, and an import puts it right (overlay/parents.h). `recipe` and kept/ are what
 * its tar is made of again (overlay/recipe.h).
 */
#ifndef OVERLAY_LAYER_H
#define OVERLAY_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "overlay/store.h"

struct layer_meta {
	char *diff_id;
	uint64_t size;	  /* bytes of its files */
	uint64_t entries; /* of its tar */
	char *created;	  /* RFC 3339: when it was unpacked */
};

/* Whole and published. */
bool layer_exists(const struct store *store, const char *diff_id);

/* Its files, as an O_PATH directory fd; -ENOENT when it is not (or no longer) there. */
int layer_open(const struct store *store, const char *diff_id, int *ret_fd, struct err *e);

/* Whether files of it are stubs, whose contents are objects of the store (overlay/stub.h). */
bool layer_has_stubs(const struct store *store, const char *diff_id);

int layer_read(
	const struct store *store, const char *diff_id, struct layer_meta *ret, struct err *e);
void layer_meta_write(const struct layer_meta *meta, struct str *out);
void layer_meta_done(struct layer_meta *meta);
DEFINE_AUTO(layer_meta, layer_meta_done)

#endif
