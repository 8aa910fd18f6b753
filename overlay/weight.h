/*
 * How much of an image's size is its own, and how much is of layers that other images have too.
 *
 * By the layers' descriptions alone: what files of different layers have in common is not in it
 * (overlay/savings.h). Two names of one image are one image.
 */
#ifndef OVERLAY_WEIGHT_H
#define OVERLAY_WEIGHT_H

#include "overlay/image.h"

struct weight {
	uint64_t own, shared; /* bytes unpacked */
};

/* One for each of the list's records, in its order; the caller frees. */
int weights_read(const struct store *store, const struct image_list *list, struct weight **ret,
	struct err *e);

#endif
