/* The root file system: attached, pivoted to, and made read-only with what else has to be. */
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/mount.h>

#include "runtime/init/child.h"

static void enter(struct child *c)
{
	long r;

	if ((r = sys(fchdir, c->root)) < 0 || (r = sys(chroot, ".")) < 0 ||
		(r = sys(chdir, "/")) < 0)
		child_fail(c, (int)r, "change to the root file system");
}

/*
 * In a mount namespace that others live in, nothing is attached, and their root is not turned over:
 * the container's is a tree of its own, detached for as long as it lives, with its mounts on it
 * (6.15). ".." ends in the empty directory below it, and not in one of theirs. The kernel takes
 * mounts on what was made in this namespace, or, as by fsmount(), in none; not on what the parent
 * cloned in another one.
 */
static void root_keep(struct child *c)
{
	if (!(c->plan->flags & PLAN_ROOTFS)) { /* exec */
		c->root = child_fd(c, c->plan->rootfs);
		enter(c);
		return;
	}
	int below = empty_directory(c, "change to the root file system");
	target_attach(c, "root.path", child_fd(c, c->plan->rootfs), below, "/");
	c->root = child_fd(c, c->plan->rootfs);
	sys(umask, 0);
}

/* Only the top of a detached tree can be changed: a clone of ours has none below. */
static void keep_apart(struct child *c)
{
	long r = sys(
		open_tree, c->root, "", OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);

	if (r < 0)
		child_fail(c, (int)r, "change the root file system");
	c->root = (int)r;
}

/* Which mount lies there; "/..": the topmost on the root. */
static uint64_t mount_at(struct child *c, const char *path)
{
	struct statx st = { 0 };
	long r = sys(statx, AT_FDCWD, path, 0, STATX_MNT_ID, &st);

	if (r < 0)
		child_fail(c, (int)r, "look at the old root");
	return st.stx_mnt_id;
}

/*
 * Where hooks go by the bundle's path they find the root there, as below any other runtime, and on
 * "/" only what is the host's: ".." from a directory of it would lead to what is on top. A path of
 * the host in the host's own files: nothing of the container is mounted yet. LIMIT: root of a user
 * namespace may not be let through to the bundle; then it is on "/" too.
 */
static long attach_for_hooks(struct child *c, int tree)
{
	const char *path = child_text(c, c->plan->root_place);
	int at = (int)sys(openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (at == -EACCES)
		return sys(move_mount, tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
	if (at < 0)
		child_fail(c, at, "root.path: open '%s'", path);
	long r = sys(
		move_mount, tree, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	sys(close, at);
	return r;
}

/*
 * The detached root is attached on top of "/" or where hooks expect it, in our own copy of the
 * host's mounts, out of which root_pivot() takes us. Nothing that is mounted here may travel back
 * to the host: first of all, the copy is cut off (rootfsPropagation may ask for less than private,
 * but not for nothing).
 */
void root_attach(struct child *c)
{
	if (c->plan->flags & PLAN_CHROOT)
		root_keep(c);
	if (!(c->plan->flags & PLAN_ROOTFS) || c->root >= 0)
		return;
	struct mount_attr cut = { .propagation = c->plan->root_propagation };
	long r = 0;
	if (cut.propagation)
		r = sys(mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &cut, sizeof(cut));
	if (r < 0)
		child_fail(c, (int)r, "make '/' private");
	c->old_root = mount_at(c, "/");
	int tree = child_fd(c, c->plan->rootfs);
	r = c->plan->root_place ? attach_for_hooks(c, tree)
				: sys(move_mount, tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
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
 * The new root in place of the old one, and the old one detached from on top of it: pivot_root(".",
 * ".") stacks them, so no directory for the old root is needed (pivot_root(2)). Each umount takes
 * the topmost, and the host's may lie under others: a root that a mount on "/" covered, what such a
 * root's symlink led onto it, what somebody mounted on the host's own "/". So not a number of them
 * is taken, but all down to the host's.
 */
static void pivot(struct child *c)
{
	uint64_t top;
	long r;

	if ((r = sys(fchdir, c->root)) < 0 || (r = sys(pivot_root, ".", ".")) < 0)
		child_fail(c, (int)r, "change to the root file system");
	do {
		top = mount_at(c, "/..");
		if ((r = sys(umount2, ".", MNT_DETACH)) < 0)
			child_fail(c, (int)r, "detach the old root");
	} while (top != c->old_root);
	if ((r = sys(chdir, "/")) < 0)
		child_fail(c, (int)r, "change to the root file system");
}

void root_pivot(struct child *c)
{
	long r;

	if (!(c->plan->flags & PLAN_ROOTFS))
		return;
	if (c->plan->flags & PLAN_CHROOT) {
		if (c->plan->flags & PLAN_ROOT_READONLY || c->plan->final_propagation)
			keep_apart(c);
		enter(c);
	} else {
		pivot(c);
	}
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
