/*
 * Owner, mode, times and extended attributes of what is unpacked.
 *
 * Only an allow-list of extended attributes is taken: security.capability, user.* and POSIX ACLs.
 * overlayfs keeps its own state in trusted.overlay.* and user.overlay.*: such a name in a layer
 * would let it point at files that it does not have.
 */
#ifndef OVERLAY_ATTRIBUTES_H
#define OVERLAY_ATTRIBUTES_H

#include <stdbool.h>

#include "overlay/tar.h"
#include "spec/base/str.h"

struct attributes {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
};

struct attributes attributes_of(const struct tar_member *m);

/* Whether an extended attribute of that name is taken from a layer. */
bool attributes_takes(const char *xattr);

/* The member's, packed one behind the other. -E2BIG beyond what an inode can hold. */
int attributes_pack(struct tar *t, struct str *ret, struct err *e);

/* One more behind those; the caller looks at `packed->failed`. */
void attributes_pack_one(struct str *packed, const char *name, const void *value, size_t n);

/* Packed ones of `size` bytes onto an open file or directory. -errno. */
int attributes_set_xattrs(int fd, const char *packed, size_t size);

/* Everything onto an open file or directory, in the order that keeps it all. -errno. */
int attributes_apply(int fd, const struct attributes *a, bool mode_is_set, const char *xattrs,
	size_t xattrs_size);

/* The error of an owner that the user namespace we are in has no id for: -EINVAL. `shown`: whose. */
int attributes_unmapped(const struct attributes *a, const char *shown, struct err *e);

/* The same for what cannot be opened: symlinks, devices, FIFOs. -errno. */
int attributes_apply_at(int dirfd, const char *name, const struct attributes *a, bool is_symlink);

#endif
