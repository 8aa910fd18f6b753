/*
 * What is mounted in this process's mount namespace: for `cow doctor`, and for the check that
 * nothing was left behind. Read by libmount, which knows how paths are escaped there.
 */
#ifndef OVERLAY_MOUNTINFO_H
#define OVERLAY_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

struct mountinfo_row {
	int id, parent;
	char *target, *root, *type, *source;
	char *options; /* of the mount and of its file system, with commas between */
};

struct mountinfo {
	struct mountinfo_row *rows; /* in the order in which they were mounted */
	size_t n;
};

int mountinfo_read(struct mountinfo *ret, struct err *e);

/* The first row at or below `path`, behind the row `after` (NULL: from the first one); or NULL. */
const struct mountinfo_row *mountinfo_below(
	const struct mountinfo *m, const char *path, const struct mountinfo_row *after);

/* The file system that a path lies on: the last row whose target holds it. NULL: none. */
const struct mountinfo_row *mountinfo_of(const struct mountinfo *m, const char *path);

void mountinfo_done(struct mountinfo *m);
DEFINE_AUTO(mountinfo, mountinfo_done)

#endif
