/*
 * Subvolumes of btrfs, by the directory that holds them: made, copied in no time, and removed.
 *
 * A snapshot is a subvolume that begins with the extents of another one. What is in one has inodes
 * of its own, so no page of a file is in memory once for two.
 */
#ifndef OVERLAY_SUBVOLUME_H
#define OVERLAY_SUBVOLUME_H

/* All: 0 or -errno; -ENOTTY where it is not btrfs. */
int subvolume_create(int dir, const char *name);
int subvolume_snapshot(int of, int dir, const char *name); /* `of`: its root, writable after */
int subvolume_set_read_only(int root, int read_only);	   /* -EINVAL: not its root */

/* With all that is in it, but for subvolumes in it (-ENOTEMPTY). */
int subvolume_remove(int dir, const char *name);

#endif
