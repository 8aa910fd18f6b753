/*
 * What members of a layer's tar were replaced by later ones, and so, where their contents are now:
 * overlay/recipe.h says how that is written down.
 */
#ifndef OVERLAY_REPLACED_H
#define OVERLAY_REPLACED_H

#include <stddef.h>
#include <stdint.h>

#include "overlay/recipe.h"
#include "spec/base/own.h"

#define REPLACED_PLACE_MAX (RECIPE_PATH_MAX + 32) /* of a path below layers/HEX */

struct replaced {
	struct kept *v; /* in their order, until they are sorted */
	size_t n;
};

/* One more; `after`: how many contents came before it. -ENOMEM. */
int replaced_add(struct replaced *r, const char *path, uint64_t after);
void replaced_sort(struct replaced *r);

/* Where content number `now` (the first is 1) of the file `path` is, below layers/HEX. Sorted. */
void replaced_place(
	const struct replaced *r, const char *path, uint64_t now, char ret[REPLACED_PLACE_MAX]);

void replaced_done(struct replaced *r);

#endif
