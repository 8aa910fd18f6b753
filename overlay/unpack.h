/*
 * A layer's tar into an empty directory, in the form that overlayfs takes as a lower.
 *
 * Whiteouts become character devices 0:0, opaque directories get a mark (overlay/form.h); a device
 * 0:0 in the tar itself is refused, it would be one. Other devices, which no container may open, are
 * left out in a user namespace, where none can be made. Of duplicates the last wins. Hard links lead
 * to members of the same layer only. Nothing outside the directory is read or written, whatever the
 * names and links in the tar are (overlay/tree.h). The umask must be 0; what is written is final
 * but not yet synced.
 */
#ifndef OVERLAY_UNPACK_H
#define OVERLAY_UNPACK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "overlay/form.h"
#include "overlay/sharing.h"
#include "overlay/tar.h"
#include "spec/base/str.h"

struct unpack_options {
	enum overlay_form form;
	uint64_t bytes;		   /* of all files together, holes included */
	uint64_t entries;	   /* members, and directories made on the way to them */
	struct recorder *recorder; /* is told what becomes of the tar's bytes; NULL: nobody is */
	struct sharing *sharing;   /* NULL: all files have their own content */
	bool skeleton;		   /* files have their size and no content */
};

struct unpack_result {
	uint64_t size, entries;
	struct timespec newest; /* of the members' times */
	struct str
		implicit; /* directories that the tar does not name, '\0' behind each; root: "." */
};

/* On failure the directory is left as it is, half filled. */
int unpack(struct tar *tar, int dir, const struct unpack_options *options,
	struct unpack_result *ret, struct err *e);
void unpack_result_done(struct unpack_result *result);
DEFINE_AUTO(unpack_result, unpack_result_done)

#endif
