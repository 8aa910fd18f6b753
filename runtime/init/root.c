/* The root file system: attached, pivoted to, and made read-only with what else has to be. */
#include <fcntl.h>
#include <sys/mount.h>

#include "runtime/init/child.h"

/*
 * The detached root is attached on top of "/", in our own copy of the host's mounts, out of which
 * root_pivot() takes us. Nothing that is mounted here may travel back to the host: first of all,
 * the copy is cut off (rootfsPropagation may ask for less than private, but not for nothing).
 */
void root_attach(struct child *c)
{
	if (!(c->plan->flags & PLAN_ROOTFS))
		return;
	struct mount_attr cut = { .propagation = c->plan->root_propagation };
	long r = 0;
	if (cut.propagation)
		r = sys(mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &cut, sizeof(cut));
	if (r < 0)
		child_fail(c, (int)r, "make '/' private");
	int tree = child_fd(c, c->plan->rootfs);
	r = sys(move_mount, tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
	if (r < 0)
		child_fail(c, (int)r, "attach the root file system");
	c->root = tree;
	sys(umask, 0);
}

void mounted_tell(struct child *c)
{
	if (!(c->plan->flags & PLAN_SYNC_MOUNTED))
		return;
	channel_send(c, CHANNEL_MOUNTED, NULL, 0);
	channel_wait_go(c);
}

/*
 * The new root in place of the old one, and the old one detached from under it: pivot_root(".",
 * ".") stacks them, so no directory for the old root is needed (pivot_root(2)).
 */
void root_pivot(struct child *c)
{
	long r;

	if (!(c->plan->flags & PLAN_ROOTFS))
		return;
	if ((r = sys(fchdir, c->root)) < 0 || (r = sys(pivot_root, ".", ".")) < 0 ||
		(r = sys(umount2, ".", MNT_DETACH)) < 0 || (r = sys(chdir, "/")) < 0)
		child_fail(c, (int)r, "change to the root file system");
	if (c->plan->final_propagation) {
		uint64_t kind = c->plan->final_propagation;
		r = mount_change(
			c->root, kind & MS_REC ? AT_RECURSIVE : 0, 0, 0, kind & ~(uint64_t)MS_REC);
		if (r < 0)
			child_fail(c, (int)r, "set the propagation of '/'");
	}
	/* Read-only last: mount points, devices and createContainer hooks may have needed to write.
	 */
	mounts_make_readonly(c);
	if (c->plan->flags & PLAN_ROOT_READONLY &&
		(r = mount_change(c->root, 0, MOUNT_ATTR_RDONLY, 0, 0)) < 0)
		child_fail(c, (int)r, "make '/' read-only");
}
