/*
 * Whether two files are the same but for where they lie: kind, owner, mode, time, extended
 * attributes, and content.
 *
 * Overlay copies a file up as soon as it is opened for writing, and a directory when something in
 * it changes. What was copied and not changed is told from what was by this.
 */
#ifndef OVERLAY_LIKENESS_H
#define OVERLAY_LIKENESS_H

#include <stdbool.h>
#include <sys/stat.h>

#include "spec/base/err.h"

/* A name in an open directory (O_PATH will do), with its lstat. */
struct place {
	int dir;
	const char *name;
	struct stat st;
};

/* Kind, owner, mode; of what is no directory, size and time too. Reads nothing. */
bool likeness_of_stat(const struct stat *a, const struct stat *b);

/* 1 or 0; -errno with a text. `content`: byte by byte, else what equal times and sizes tell. */
int likeness_of(const struct place *a, const struct place *b, bool content, struct err *e);

#endif
