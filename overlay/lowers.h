/*
 * The layers of one stack, opened for a mount, with what their stubs need (overlay/stub.h).
 */
#ifndef OVERLAY_LOWERS_H
#define OVERLAY_LOWERS_H

#include <stdbool.h>
#include <stddef.h>

#include "overlay/claim.h"
#include "overlay/mount.h"
#include "overlay/store.h"

struct lowers {
	int *fds; /* O_PATH, the lowest layer first */
	size_t n;
	int objects; /* -1: no layer needs them */
	bool deep;   /* one that is not the lowest does, or the template is of such a mount */
};

#define LOWERS_NONE                                                                                \
	{                                                                                          \
		.objects = -1                                                                      \
	}

/*
 * Those of a claim, a template's files among them; what overlay wants more of them is added, empty.
 * `with_upper`: for a mount with an upper directory. -ENOENT: a layer is missing.
 */
int lowers_open(const struct store *store, const struct claim *claim, bool with_upper,
	struct lowers *ret, struct err *e);

/* For overlay_mount(): borrows them; there is no upper yet. */
struct overlay_dirs lowers_dirs(const struct lowers *l, enum overlay_form form);

void lowers_done(struct lowers *l);
DEFINE_AUTO(lowers, lowers_done)

#endif
