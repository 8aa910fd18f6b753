/*
 * What an upper layer holds of a file whose data, or of a directory whose members, are the image's.
 *
 * Overlays over shared files (overlay/mount.h) copy up less than all: after a chmod, a rename or a
 * link, a file's upper has its attributes only; a directory that was renamed is its new name, and a
 * note of the old one.
 */
#ifndef OVERLAY_REDIRECT_H
#define OVERLAY_REDIRECT_H

#include <limits.h>
#include <stdbool.h>

#include "overlay/form.h"

struct redirect {
	bool without_data;   /* of a file */
	char path[PATH_MAX]; /* of the image: "/absolute", or a name beside its own; "": the same */
};

/*
 * Of an open file or directory of an upper layer, by the attributes of its store's form alone: the
 * other form's are a container's own (overlay/form.h). -errno.
 */
int redirect_read(int fd, enum overlay_form form, struct redirect *ret);

#endif
