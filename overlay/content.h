/*
 * The content of a regular file in a layer of the store.
 *
 * A file in a layer need not hold its own data: with sharing on, it may be a stub whose content is
 * an object of the store, the same one for all images that have the file. Its size, mode, owner,
 * times and extended attributes are its own in either case. Whoever reads what is in a layer's
 * file asks here.
 */
#ifndef OVERLAY_CONTENT_H
#define OVERLAY_CONTENT_H

#include "overlay/store.h"

/*
 * The content of `name`, a regular file in the directory `dirfd` of a layer (an O_PATH fd will do),
 * for reading. A symlink is never followed (-ELOOP); -EINVAL for what else is no regular file.
 */
int content_open(
	const struct store *store, int dirfd, const char *name, int *ret_fd, struct err *e);

#endif
