/*
 * The config.json of a bundle: what `cow run` would give a container of the same image, command and
 * options, so that other runtimes start the same container: mounts, masks, limits, capabilities, system
 * calls. What is otherwise: the image's files are its root, read-only, without a layer of its own; the version
 * is one that all runtimes know; and there are no device rules, for which crun 1.8 lifts RLIMIT_MEMLOCK, as
 * a root without CAP_SYS_RESOURCE may not.
 */
#ifndef CMD_DENSITY_BUNDLE_H
#define CMD_DENSITY_BUNDLE_H

#include "overlay/image.h"
#include "spec/base/err.h"

struct bundle_wish {
	const struct image *image;
	const char *rootfs, *name;	       /* where its files are, absolute; the container's */
	char *const *options, *const *command; /* NULL ends each; NULL: none, and the image's */
};

/*
 * Its text, which the caller frees. -ERR_USAGE: an option that `cow run` has not, or one that needs more of
 * cow than a config.json can say.
 */
int bundle_config(const struct bundle_wish *w, char **ret, struct err *e);

#endif
