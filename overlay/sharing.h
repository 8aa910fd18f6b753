/*
 * The files of one layer on their way to being shared with the files of all others.
 *
 * While the layer is unpacked, its contents are looked for among the store's objects. One that is
 * there and has the same bytes is used; one that is not there is made, in the layer's work
 * directory. Once the layer is verified, sharing_publish() moves the new ones into the store and
 * leaves the list of all beside the layer. They are flushed with the layer: an object that a crash
 * of the host damages has no layer yet, and the comparison keeps others from using it.
 */
#ifndef OVERLAY_SHARING_H
#define OVERLAY_SHARING_H

#include <stddef.h>
#include <sys/types.h>

#include "overlay/object.h"
#include "overlay/store.h"

/*
 * A shared file costs two inodes for one, and an import the time to make them. Of two images of
 * Debian 12 (297 and 232 MB, ext4), the second takes 21 % of its size where all files are shared,
 * 24 % with those of 1 KiB and more, 28 % from 4 KiB on; of the first's 12000 files a quarter is
 * smaller than 1 KiB.
 */
#define SHARED_MIN 1024
/* Extended attributes push a stub's own out of the inode, into a block. */
#define SHARED_MIN_WITH_XATTRS (32u << 10)

struct sharing;

/*
 * `work`: the layer's work directory, borrowed. `lowest`: it is an image's first layer. *ret is
 * NULL, without an error, where files of this layer cannot be shared.
 */
int sharing_begin(
	const struct store *store, int work, bool lowest, struct sharing **ret, struct err *e);

/*
 * The content of an open, empty file of the layer: 1 when the file now is a stub, 0 when it must
 * have the content itself, or -errno.
 */
int sharing_put(struct sharing *s, int file, const void *data, size_t n);

/*
 * The same for one that is written already, because it is large: `sum` has seen all of its `size`
 * bytes. It may become the object itself; then *file is replaced by the stub, of the same name in
 * `dir`, and of `mode`.
 */
struct sharing_sum;
struct sharing_sum *sharing_sum_begin(void); /* NULL: out of memory */
void sharing_sum_add(struct sharing_sum *sum, const void *data, size_t n);
void sharing_sum_reset(struct sharing_sum *sum);	   /* as if it had seen nothing */
uint64_t sharing_sum_short(const struct sharing_sum *sum); /* its low 64 bits */
void sharing_sum_free(struct sharing_sum *sum);
struct sharing_file {
	int dir;
	const char *name;
	mode_t mode;
	uint64_t size;
};
int sharing_take(
	struct sharing *s, const struct sharing_file *f, const struct sharing_sum *sum, int *file);

/*
 * -EAGAIN: another layer has brought an object of the same name and other content at this moment;
 * unpacked anew, this layer's file will have a content of its own.
 */
int sharing_publish(struct sharing *s, struct err *e);

/* -ERR_DAMAGED: an object's content is not the one that its name says. -errno. */
int sharing_verify(int object, const struct object_name *name);

void sharing_end(struct sharing *s); /* NULL will do */

#endif
