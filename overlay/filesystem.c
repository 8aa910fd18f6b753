/* Which file system something lies on. */
#include "overlay/filesystem.h"

#include <linux/magic.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#define RESERVE_MAX (1ull << 30)

/* Those that people would think of. */
static const struct {
	unsigned long magic;
	const char *name;
} known[] = {
	{ EXT4_SUPER_MAGIC, "ext4" },
	{ XFS_SUPER_MAGIC, "xfs" },
	{ BTRFS_SUPER_MAGIC, "btrfs" },
	{ TMPFS_MAGIC, "tmpfs" },
	{ OVERLAYFS_SUPER_MAGIC, "overlayfs" },
	{ 0x2fc12fc1, "zfs" },
	{ F2FS_SUPER_MAGIC, "f2fs" },
	{ NFS_SUPER_MAGIC, "nfs" },
	{ FUSE_SUPER_MAGIC, "fuse" },
	{ RAMFS_MAGIC, "ramfs" },
	{ MSDOS_SUPER_MAGIC, "vfat" },
	{ 0x2011bab0, "exfat" },
};

struct filesystem filesystem_of(int fd)
{
	struct filesystem ret = { .name = "a file system that cannot be told" };
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return ret;
	ret.magic = (unsigned long)fs.f_type;
	snprintf(ret.name, sizeof(ret.name), "a file system of type %#lx", ret.magic);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].magic == ret.magic)
			snprintf(ret.name, sizeof(ret.name), "%s", known[i].name);
	return ret;
}

uint64_t filesystem_room(int fd)
{
	struct statvfs fs;

	if (fstatvfs(fd, &fs) < 0 || fs.f_blocks == 0)
		return UINT64_MAX;
	uint64_t free = (uint64_t)fs.f_bavail * fs.f_frsize, reserve = free / 32;
	return free - (reserve < RESERVE_MAX ? reserve : RESERVE_MAX);
}
