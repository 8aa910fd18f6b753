/* Detached trees of the host. */
#include "runtime/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "spec/base/own.h"

#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000 /* 5.10 */
#endif

static int change(int fd, unsigned depth, struct mount_attr attr)
{
	if (!attr.attr_set && !attr.attr_clr && !attr.propagation)
		return 0;
	return mount_setattr(fd, "", AT_EMPTY_PATH | depth, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int tree_clone(int dirfd, const char *path, bool recursive)
{
	int fd = open_tree(dirfd, path,
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0) |
			(*path ? 0 : AT_EMPTY_PATH));

	return fd < 0 ? -errno : fd;
}

int tree_change(int fd, const struct tree_wish *w)
{
	struct mount_attr all = {
		.attr_set = w->rec_set, .attr_clr = w->rec_clear, .propagation = w->propagation
	};
	struct mount_attr top = { .attr_set = w->set, .attr_clr = w->clear };

	/* One call where one will do: `set` and `clear` have what holds for all in them. */
	if (!w->recursive) {
		top.propagation = w->propagation;
		return change(fd, 0, top);
	}
	int r = change(fd, AT_RECURSIVE, all);
	if (r == 0 && (top.attr_set != all.attr_set || top.attr_clr != all.attr_clr))
		r = change(fd, 0, top);
	return r;
}

int tree_make(int dirfd, const char *path, const struct tree_wish *w)
{
	autofd int fd = tree_clone(dirfd, path, w->recursive);
	int r = fd < 0 ? fd : tree_change(fd, w);

	return r < 0 ? r : take_fd(&fd);
}

int tree_flags(int fd, uint64_t *ret)
{
	static const struct {
		long st;
		uint64_t attr;
	} rows[] = {
		{ ST_RDONLY, MOUNT_ATTR_RDONLY },
		{ ST_NOSUID, MOUNT_ATTR_NOSUID },
		{ ST_NODEV, MOUNT_ATTR_NODEV },
		{ ST_NOEXEC, MOUNT_ATTR_NOEXEC },
		{ ST_NOATIME, MOUNT_ATTR_NOATIME },
		{ ST_NODIRATIME, MOUNT_ATTR_NODIRATIME },
		{ ST_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW },
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return -errno;
	*ret = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (fs.f_flags & rows[i].st)
			*ret |= rows[i].attr;
	if (!(fs.f_flags & (ST_NOATIME | ST_RELATIME)))
		*ret |= MOUNT_ATTR_STRICTATIME;
	return 0;
}

int tree_map(int fd, int user_namespace, bool recursive)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)user_namespace };

	return change(fd, recursive ? AT_RECURSIVE : 0, attr);
}
