/*
 * Extended attributes that are a file's own, and not the host's or overlay's.
 *
 * Only an allow-list counts: security.capability, user.* and POSIX ACLs. overlayfs keeps its state
 * in trusted.overlay.* and user.overlay.*, which say nothing of a file and are no image's to set.
 */
#ifndef OVERLAY_XATTRS_H
#define OVERLAY_XATTRS_H

#include <stdbool.h>

#include "spec/base/str.h"

bool xattrs_takes(const char *name);

/*
 * Those of an open file or directory, sorted by name: each as its name, '\0', the length of its
 * value (a size_t, not aligned) and the value. -errno; where there can be none, there are none.
 */
int xattrs_read(int fd, struct str *ret);

/* One of what was read; false at the end. `at` begins at 0. */
bool xattrs_next(const struct str *from, size_t *at, const char **ret_name, const void **ret_value,
	size_t *ret_n);

#endif
