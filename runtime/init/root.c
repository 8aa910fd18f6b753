/* The root file system: attached, mounted into, pivoted to. */
#include <fcntl.h>
#include <sys/mount.h>

#include "runtime/init/child.h"
#include "runtime/init/text.h"

static long set_attributes(
	int fd, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear, .propagation = propagation };

	return sys(mount_setattr, fd, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr));
}

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

/* The kernel tells the reason of a refused option in words, on the fd: "e tmpfs: Bad value". */
static _Noreturn void fail_with_log(
	struct child *c, int fs, int code, const char *what, const char *type, const char *param)
{
	char log[200];
	long n = sys(read, fs, log, sizeof(log) - 1);

	log[n > 0 ? n : 0] = '\0';
	if (n > 2 && param)
		child_refuse(c, code, "%s: mount %s: option '%s': %s", what, type, param, log + 2);
	if (n > 2)
		child_refuse(c, code, "%s: mount %s: %s", what, type, log + 2);
	if (param)
		child_fail(c, code, "%s: mount %s: option '%s'", what, type, param);
	child_fail(c, code, "%s: mount %s", what, type);
}

static void configure(struct child *c, int fs, const struct mount_op *op)
{
	const char *what = child_text(c, op->name), *type = child_text(c, op->type);
	const place *params = child_list(c, op->params);
	long r = 0;

	if (op->source)
		r = sys(fsconfig, fs, FSCONFIG_SET_STRING, "source", child_text(c, op->source), 0);
	for (uint32_t i = 0; r >= 0 && i < op->n_params; i++) {
		char key[64];
		struct text t = TEXT_IN(key);
		const char *param = child_text(c, params[i]), *equals = text_find(param, '=');
		if (equals) {
			text_add_bytes(&t, param, (size_t)(equals - param));
			r = sys(fsconfig, fs, FSCONFIG_SET_STRING, key, equals + 1, 0);
		} else
			r = sys(fsconfig, fs, FSCONFIG_SET_FLAG, param, 0, 0);
		if (r < 0)
			fail_with_log(c, fs, (int)r, what, type, param);
	}
	if (r >= 0)
		r = sys(fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);
	if (r < 0)
		fail_with_log(c, fs, (int)r, what, type, NULL);
}

static int new_tree(struct child *c, const struct mount_op *op)
{
	const char *what = child_text(c, op->name), *type = child_text(c, op->type);
	int fs = (int)sys(fsopen, type, FSOPEN_CLOEXEC);

	if (fs == -ENODEV)
		child_refuse(c, ENODEV, "%s: this kernel has no file system '%s'", what, type);
	if (fs < 0)
		child_fail(c, fs, "%s: open file system '%s'", what, type);
	configure(c, fs, op);
	int tree = (int)sys(fsmount, fs, FSMOUNT_CLOEXEC, op->attr_set);
	if (tree < 0)
		fail_with_log(c, fs, tree, what, type, NULL);
	sys(close, fs);
	return tree;
}

static void apply_changes(struct child *c, const struct mount_op *op, int fd, bool attributes)
{
	long r = 0;

	if (attributes && (op->attr_set || op->attr_clear))
		r = set_attributes(fd, 0, op->attr_set, op->attr_clear, 0);
	if (r >= 0 && (op->rec_set || op->rec_clear))
		r = set_attributes(fd, AT_RECURSIVE, op->rec_set, op->rec_clear, 0);
	if (r < 0)
		child_fail(c, (int)r, "%s: set the flags of '%s'", child_text(c, op->name),
			child_text(c, op->target));
	for (uint32_t i = 0; i < op->n_propagation; i++) {
		uint64_t kind = op->propagation[i];
		r = set_attributes(
			fd, kind & MS_REC ? AT_RECURSIVE : 0, 0, 0, kind & ~(uint64_t)MS_REC);
		if (r < 0)
			child_fail(c, (int)r, "%s: set the propagation of '%s'",
				child_text(c, op->name), child_text(c, op->target));
	}
}

static void perform(struct child *c, const struct mount_op *op)
{
	const char *what = child_text(c, op->name), *path = child_text(c, op->target);

	if (op->kind == MOUNT_KIND_CHANGE) {
		int at = target_find(c, path, 0);
		if (at < 0)
			child_fail(c, at, "%s: open '%s'", what, path);
		apply_changes(c, op, at, true);
		sys(close, at);
		return;
	}
	int tree = op->kind == MOUNT_KIND_NEW ? new_tree(c, op) : child_fd(c, op->tree);
	int target = target_open(c, what, path, op->flags);
	target_attach(c, what, tree, target, path);
	sys(close, target);
	apply_changes(c, op, tree, false);
	sys(close, tree);
}

void mounts_perform(struct child *c)
{
	const struct mount_op *ops = child_list(c, c->plan->mounts);

	for (uint32_t i = 0; i < c->plan->n_mounts; i++)
		perform(c, &ops[i]);
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
		r = set_attributes(
			c->root, kind & MS_REC ? AT_RECURSIVE : 0, 0, 0, kind & ~(uint64_t)MS_REC);
		if (r < 0)
			child_fail(c, (int)r, "set the propagation of '/'");
	}
	/* Read-only last: mount points, devices and createContainer hooks may have needed to write.
	 */
	if (c->plan->flags & PLAN_ROOT_READONLY &&
		(r = set_attributes(c->root, 0, MOUNT_ATTR_RDONLY, 0, 0)) < 0)
		child_fail(c, (int)r, "make '/' read-only");
}
