/*
 * The form of a store's layers: by which attributes overlayfs knows what hides lower layers.
 *
 * trusted.* is the host's root's alone. In a user namespace overlay goes by user.* where the mount
 * says so ("userxattr", 5.11). Whiteouts are devices 0:0 in both, which everybody may make (5.8).
 * Neither kind of mark is ever taken from an image (overlay/attributes.h).
 */
#ifndef OVERLAY_FORM_H
#define OVERLAY_FORM_H

#include <stdbool.h>

enum overlay_form {
	FORM_TRUSTED, /* root's */
	FORM_USER,    /* made, and to be mounted, in a user namespace */
};

/* What fits us here. */
enum overlay_form form_here(void);

/* Whether a file system can hold such marks, by a directory of it. -errno. */
int form_probe(int dir, enum overlay_form form);

/*
 * Marks an open directory as opaque, -errno; and whether it is. Only the store's own form counts:
 * in root's store user.* attributes are a container's, which may call them as it likes; in a user's
 * the kernel keeps those of a container under another name (since 6.7) or refuses them.
 */
int form_make_opaque(int dir, enum overlay_form form);
bool form_is_opaque(int dir, enum overlay_form form);

/* What makes an open directory of an upper layer opaque or renamed, onto another one. -errno. */
int form_copy_marks(int from, int to, enum overlay_form form);

#endif
