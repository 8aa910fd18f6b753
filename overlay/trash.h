/*
 * Removal: things are renamed into the store's trash/ at once, and deleted there at leisure.
 *
 * Deletion goes by directory fds, never follows a symlink, never enters a mount, and holds a fixed
 * number of fds open however deep a tree is (containers can nest directories without limit).
 * Several processes may empty the trash at once. A volume that belongs to what was put here goes
 * with it (overlay/volume.h).
 */
#ifndef OVERLAY_TRASH_H
#define OVERLAY_TRASH_H

#include "overlay/store.h"

/* Takes `name` below `dirfd` out of use. No error when it is not there. */
int trash_put(const struct store *store, int dirfd, const char *name, struct err *e);

/* Deletes all that is there; goes on past errors and tells the first. */
int trash_empty(const struct store *store, struct err *e);

#endif
