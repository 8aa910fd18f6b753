/* Subvolumes of btrfs. */
#include "overlay/subvolume.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "spec/base/own.h"

static int named(int dir, unsigned long request, const char *name)
{
	struct btrfs_ioctl_vol_args args = { 0 };

	if (snprintf(args.name, sizeof(args.name), "%s", name) > BTRFS_PATH_NAME_MAX)
		return -ENAMETOOLONG;
	return ioctl(dir, request, &args) < 0 ? -errno : 0;
}

int subvolume_create(int dir, const char *name)
{
	return named(dir, BTRFS_IOC_SUBVOL_CREATE, name);
}

int subvolume_remove(int dir, const char *name)
{
	return named(dir, BTRFS_IOC_SNAP_DESTROY, name);
}

int subvolume_snapshot(int of, int dir, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { .fd = of };

	if (snprintf(args.name, sizeof(args.name), "%s", name) > BTRFS_SUBVOL_NAME_MAX)
		return -ENAMETOOLONG;
	return ioctl(dir, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0 ? -errno : 0;
}

int subvolume_set_read_only(int root, int read_only)
{
	uint64_t flags;

	if (ioctl(root, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) < 0)
		return -errno;
	flags = read_only ? flags | BTRFS_SUBVOL_RDONLY : flags & ~(uint64_t)BTRFS_SUBVOL_RDONLY;
	return ioctl(root, BTRFS_IOC_SUBVOL_SETFLAGS, &flags) < 0 ? -errno : 0;
}
