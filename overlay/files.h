/*
 * All regular files below a directory, each opened once and quietly, to ask the kernel about it.
 *
 * Quietly: for reading, without a note of the time, without waiting for whoever holds a lease. No
 * symlink is followed, no mount is entered, no FIFO or device is opened, also where somebody
 * changes the tree meanwhile: what is gone or different then is left out. One directory is open at
 * a time. A file of several names is visited once.
 *
 * LIMIT: directories whose path is longer than PATH_MAX are not looked into.
 */
#ifndef OVERLAY_FILES_H
#define OVERLAY_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/err.h"

struct files_options {
	bool foreign; /* others may change the tree: each name is looked at before it is opened */
	size_t max;   /* names and no more, or -E2BIG; 0: any number */
};

/* 0, or what ends the walk. The fd is the walk's. */
typedef int files_visit(void *data, int file, struct err *e);

int files_walk(int dir, const struct files_options *options, files_visit *visit, void *data,
	struct err *e);

/* One of them: the fd, or -errno. */
int files_open(int dir, const char *name);

#endif
