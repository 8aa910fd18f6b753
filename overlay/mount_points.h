/*
 * The places in a container's files where something is mounted while it runs: /proc, volumes,
 * /etc/resolv.conf.
 *
 * What lies there is an empty file or directory that the runtime made for the mount, and is no
 * change of the container's. Nothing else can be there: what is written goes into the mount.
 */
#ifndef OVERLAY_MOUNT_POINTS_H
#define OVERLAY_MOUNT_POINTS_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

struct mount_points {
	char **paths; /* "etc/resolv.conf": resolved, without a slash before them */
	size_t n;
};

/*
 * `root`: the image's files, whose symlinks are followed as if it were "/" (a volume at
 * /var/run/x lies at run/x). -ELOOP after 40 of them.
 */
int mount_points_add(struct mount_points *points, int root, const char *destination, struct err *e);
void mount_points_done(struct mount_points *points);
DEFINE_AUTO(mount_points, mount_points_done)

/* Whether something is mounted at that path; and whether somewhere below it. */
bool mount_points_has(const struct mount_points *points, const char *path);
bool mount_points_has_below(const struct mount_points *points, const char *path);

#endif
