/* An empty mount namespace. */
#include "runtime/template/hollow.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/mount.h>

#include "runtime/init/child.h"

/* What lies at that path may be anything: it must be the kernel's. */
static long open_own(void)
{
	long fd = sys(openat, AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || sys(ioctl, fd, NS_GET_NSTYPE) == CLONE_NEWNS)
		return fd;
	sys(close, fd);
	return -ENOENT;
}

/* In a user namespace a procfs can be mounted where another is seen whole already (mount_namespaces(7)). */
static long try_proc(void)
{
	long fs = sys(fsopen, "proc", FSOPEN_CLOEXEC);
	long r = fs < 0 ? fs : sys(fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);

	if (r >= 0)
		r = sys(fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (r >= 0)
		sys(close, r);
	if (fs >= 0)
		sys(close, fs);
	return r;
}

static long turn_over(long tree)
{
	struct mount_attr cut = { .propagation = MS_PRIVATE };
	long r = sys(mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &cut, sizeof(cut));

	if (r >= 0)
		r = sys(move_mount, tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
	if (r >= 0)
		r = sys(fchdir, tree);
	if (r >= 0)
		r = sys(pivot_root, ".", ".");
	return r < 0 ? r : sys(umount2, ".", MNT_DETACH);
}

long hollow_make(void)
{
	long fd = sys(unshare, CLONE_NEWNS);

	if (fd >= 0)
		fd = open_own();
	if (fd < 0)
		return fd;
	long tree = empty_tree(), r = tree < 0 ? tree : turn_over(tree);
	if (r >= 0)
		r = try_proc();
	if (tree >= 0)
		sys(close, tree);
	if (r >= 0)
		return fd;
	sys(close, fd);
	return r;
}
