/*
 * A container's changes as a layer's tar, or its whole tree as a root file system's.
 *
 * What is gone is a whiteout (".wh.NAME"), a directory that hides the image's is opaque
 * (".wh..wh..opq"); names that begin like these are refused (-EINVAL), they would become them.
 * Hard links among what is packed are kept. Holes of 1 MiB and more stay holes. Sockets cannot be in
 * a tar: a warning. Members are sorted and hold nothing of the host: the same files give the same
 * bytes.
 */
#ifndef OVERLAY_PACK_H
#define OVERLAY_PACK_H

#include "overlay/changes.h"
#include "overlay/tar_writer.h"

/* On failure what was written is no tar. */
int pack_changes(const struct changes *changes, tar_sink *sink, void *to, struct err *e);

/* 1 when there is something to pack, 0 when nothing was changed; -errno. */
int pack_is_needed(const struct changes *changes, struct err *e);

#endif
