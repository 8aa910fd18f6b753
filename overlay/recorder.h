/*
 * The writer of a layer's recipe (overlay/recipe.h), while the layer is unpacked.
 *
 * It stands between the stream and the tar reader and sees every byte of the tar pass. Who unpacks
 * tells it which file he is at, and which bytes are that file's content; all others are kept. It
 * believes nothing that it does not see itself: where the bytes at the reader's place in the stream
 * are not those of the content, they are kept like others, and the recipe is only longer.
 *
 * Failures are remembered and told by recorder_end(). No recorder (NULL) will do everywhere.
 */
#ifndef OVERLAY_RECORDER_H
#define OVERLAY_RECORDER_H

#include "overlay/tar.h"

struct recorder;

/* Into "recipe" and, where needed, "kept" in `dir`, which is borrowed. */
int recorder_open(int dir, tar_source *source, void *from, struct recorder **ret, struct err *e);

/* The source for tar_open(), of the recorder; and then the tar that reads from it. */
ssize_t recorder_next(void *recorder, const void **ret);
void recorder_watch(struct recorder *r, const struct tar *tar);

/*
 * The file that the next pieces belong to, by the path of its directory without symlinks. `summed`:
 * its content is no object, which could be verified by its name, so its sum is kept.
 */
void recorder_file(struct recorder *r, const char *parent, const char *base, bool summed);
/* What tar_read() has given, once it is in that file. */
void recorder_piece(struct recorder *r, const void *data, size_t n, uint64_t offset);

/*
 * Takes a file or a directory out of the layer that another member replaces: what it holds is part
 * of the tar. `dirfd` and `parent` are the same directory. -errno.
 */
int recorder_keep(struct recorder *r, int dirfd, const char *parent, const char *name);

/* At the archive's end, before the source goes on. */
void recorder_archive_ends(struct recorder *r);
/* The tar has `size` bytes in all, and those behind the archive's end are zeros. */
int recorder_end(struct recorder *r, uint64_t size, struct err *e);

void recorder_free(struct recorder *r);

#endif
