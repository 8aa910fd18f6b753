/*
 * What is mounted in the mount namespace of some process, from the text of its mountinfo: pure.
 *
 * (overlay/mountinfo.h is of our own namespace and by libmount, for programs that link it.)
 */
#ifndef OVERLAY_MOUNT_LIST_H
#define OVERLAY_MOUNT_LIST_H

#include <stddef.h>
#include <sys/types.h>

#include "spec/base/own.h"

#define MOUNT_LIST_MAX ((size_t)4 << 20) /* bytes of text; a container may mount 100000 things */

/* Texts are as they were before mountinfo wrote blanks and backslashes as \ooo. */
struct mount_row {
	dev_t dev;
	char *root;    /* the directory of the file system that is mounted */
	char *point;   /* where, from the root of the process */
	char *type;    /* "ext4", "overlay", "fuse.sshfs" */
	char *options; /* of the file system, with commas between */
};

struct mount_list {
	struct mount_row *v; /* in the order in which they were mounted */
	size_t n, room;
	char *text; /* what the rows point into */
};

/* Takes a copy. Lines that are none of mountinfo are left out. -ENOMEM. */
int mount_list_parse(const char *text, struct mount_list *ret);

/* /proc/PID/mountinfo, below a directory fd of /proc. -EFBIG above MOUNT_LIST_MAX; -errno. */
int mount_list_read(int proc, pid_t pid, struct mount_list *ret);

/*
 * The mount of that file system which a path lies on: of those whose point holds it the longest,
 * of equal ones the last; any mount of that file system where none holds it. NULL: none.
 */
const struct mount_row *mount_list_find(const struct mount_list *list, dev_t dev, const char *path);

/* The mount that a path lies on, whatever file system that is. */
const struct mount_row *mount_list_of(const struct mount_list *list, const char *path);

void mount_list_done(struct mount_list *list);
DEFINE_AUTO(mount_list, mount_list_done)

#endif
