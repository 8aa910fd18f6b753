/*
 * The content of one member of a tar on its way into a file of a layer.
 *
 * Where files are shared, a content that fits is held in memory until all of it is there, so that
 * what the store has already is compared and never written.
 */
#ifndef OVERLAY_BODY_H
#define OVERLAY_BODY_H

#include "overlay/recorder.h"
#include "overlay/sharing.h"
#include "overlay/tar.h"

#define BODY_HELD_MAX (4u << 20) /* memory; what is larger is written, and compared then */

struct body {
	struct sharing *sharing;   /* NULL: all is written. Borrowed, for a whole layer */
	struct recorder *recorder; /* sees every piece; NULL: nobody does. Borrowed too */
	bool skeleton;		   /* only the size: nothing is written */
	unsigned char *held;
};

/*
 * The member's content into *file, just made and empty, which is `f` (and may be replaced: see
 * sharing_take()). e->code is set to 0 first; where it still is, the disk has refused, or with
 * -ERR_DAMAGED, the content is not of its size. Else it is the tar's reader that speaks.
 */
int body_fill(struct body *b, struct tar *tar, const struct sharing_file *f, bool share, int *file,
	struct err *e);
void body_done(struct body *b);

#endif
