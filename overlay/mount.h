/*
 * One overlay mount from directory fds, by the new mount API, attached nowhere.
 *
 * Directories are handed over as fds since 6.13; before, as names below /proc/self/fd in option
 * strings (mount.c is the only file that knows).
 */
#ifndef OVERLAY_MOUNT_H
#define OVERLAY_MOUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "overlay/form.h"
#include "spec/base/err.h"

struct overlay_ids;

struct overlay_dirs {
	const int *lowers; /* lowest first; two or more when there is no upper */
	size_t n_lowers;
	int upper, work; /* both -1: read-only. Of one file system */
	enum overlay_form form;
	/*
	 * The data-only lower, for layers with stubs; NULL: there are none. `deep`: not only the
	 * lowest layer has some. Then, and up to 6.15 in any case, the overlay is one with
	 * metacopy=on and redirect_dir=on: a chmod in it copies no data up, a rename of a
	 * directory moves it, and its upper is to be read with that in mind.
	 */
	const int *objects;
	bool deep;
	const struct overlay_ids *ids; /* who mounts it (overlay/mapped.h); NULL: we do */
};

/* The mount's fd; `deep` is set where the kernel asks for that. The text of an error has the kernel's own words where it gives any. */
int overlay_mount(struct overlay_dirs *dirs, int *ret_fd, struct err *e);

/* The way for kernels before 6.13, for tests on later ones. */
int overlay_mount_by_name(const struct overlay_dirs *dirs, int *ret_fd, struct err *e);

#endif
