/*
 * A stub: a regular file of a layer whose content is an object of the store.
 *
 * It has the size, mode, owner, times and extended attributes that containers see, no data, and the
 * two attributes by which overlayfs finds the data ("metacopy" and "redirect", in the store's form).
 * No image can bring these attributes (overlay/attributes.h).
 */
#ifndef OVERLAY_STUB_H
#define OVERLAY_STUB_H

#include "overlay/object.h"

/* Makes an open, empty file a stub of `size` bytes. -errno. */
int stub_make(int fd, enum overlay_form form, const struct object_name *object, uint64_t size);

/* 1 with the object of an open file that is a stub, 0 when it is none, -errno. */
int stub_read(int fd, enum overlay_form form, struct object_name *ret);

/* Whether that attribute is one of a stub's two. */
bool stub_has(const char *xattr, enum overlay_form form);

/*
 * Which layers of a stack may have stubs. Up to 6.15 the kernel follows one only with the option
 * metacopy=on, which a mount with user.* attributes cannot have; since then it does without, but
 * in the lowest layer alone.
 */
enum stub_reach {
	STUBS_NOWHERE,
	STUBS_LOWEST,
	STUBS_ANYWHERE,
};

/*
 * Found out by trying, in the store's tmp/; what the kernel said goes to `why`, which may be NULL,
 * where the answer is not STUBS_ANYWHERE. Needs what a mount needs.
 */
enum stub_reach stub_reach(const struct store *store, struct err *why);

#endif
