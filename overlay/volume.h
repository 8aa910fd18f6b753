/*
 * Volumes outside of the store, by the host's own programs: thin volumes of LVM, file systems of
 * ZFS.
 *
 * A directory of the store names the one that belongs to it in a symlink, VOLUME_LINK, which is
 * made before the volume is; whoever deletes that directory removes the volume first
 * (overlay/trash.h). So what a killed process leaves is found and removed as everything else.
 */
#ifndef OVERLAY_VOLUME_H
#define OVERLAY_VOLUME_H

#include <stdbool.h>

#include "spec/base/err.h"

#define VOLUME_LINK "volume"

/*
 * Whether there are volumes of that kind ("lvm", "zfs") in `place` ("group/pool", "pool/dataset";
 * NULL: anywhere). -ENOTSUP, and why not.
 */
int volume_probe(const char *kind, const char *place, struct err *e);

/* An empty file system of its own in `place`, for what `dir` is; mounted nowhere. */
int volume_make(int dir, const char *kind, const char *place, struct err *e);

/* After all is in it that snapshots begin with, and it is not mounted. */
int volume_settle(int dir, struct err *e);

/* For `dir`, of what `base` has. */
int volume_snapshot(int dir, int base, const char *kind, const char *place, struct err *e);

/* The volume of `dir` as a detached mount. `again`: the host may have been restarted since. */
int volume_mount(int dir, bool again, bool read_only, int *ret_fd, struct err *e);

/* The volume that the symlink `name` in `dir` names, where there still is one. -errno. */
int volume_remove(int dir, const char *name);

#endif
