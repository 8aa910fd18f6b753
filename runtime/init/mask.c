/*
 * Masked and read-only paths.
 *
 * A masked file is covered by the host's /dev/null, which the parent opened and verified before any
 * foreign file system was in sight (CVE-2025-31133); a masked directory by one empty read-only
 * tmpfs. The first use attaches what was handed in, every further one a clone of it, which is a
 * mount of our own namespace by then.
 */
#include <fcntl.h>
#include <linux/stat.h>

#include "runtime/init/child.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#define CLONE_FLAGS (OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH)

struct cover {
	int tree;  /* what to cover with */
	bool used; /* it is attached somewhere */
};

static void cover(struct child *c, struct cover *with, int target, const char *path)
{
	int tree = with->tree;

	if (with->used)
		tree = (int)sys(open_tree, with->tree, "", CLONE_FLAGS);
	if (tree < 0)
		child_fail(c, tree, "mask '%s'", path);
	target_attach(c, "linux.maskedPaths", tree, target, path);
	if (with->used)
		sys(close, tree);
	with->used = true;
}

long empty_tree(void)
{
	long fs = sys(fsopen, "tmpfs", FSOPEN_CLOEXEC);
	long r = fs;

	if (r >= 0)
		r = sys(fsconfig, fs, FSCONFIG_SET_STRING, "nr_blocks", "1", 0);
	if (r >= 0)
		r = sys(fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);
	if (r >= 0)
		r = sys(fsmount, fs, FSMOUNT_CLOEXEC,
			MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				MOUNT_ATTR_NOEXEC);
	if (fs >= 0)
		sys(close, fs);
	return r;
}

int empty_directory(struct child *c, const char *attempt)
{
	long tree = empty_tree();

	if (tree < 0)
		child_fail(c, (int)tree, "%s", attempt);
	return (int)tree;
}

/* Paths that are not there, or not reachable, need no mask (what runc and crun do as well). */
static bool absent(int fd)
{
	return fd == -ENOENT || fd == -ENOTDIR || fd == -EACCES;
}

static void mask_all(struct child *c)
{
	const place *paths = child_list(c, c->plan->masked);
	struct cover file = { .tree = child_fd(c, c->plan->null_tree) };
	struct cover directory = { .tree = child_fd(c, c->plan->empty_tree) };

	for (uint32_t i = 0; i < c->plan->n_masked; i++) {
		const char *path = child_text(c, paths[i]);
		int target = target_find(c, path, 0, 0);
		struct statx st;
		if (absent(target))
			continue;
		long r = target < 0 ? target
				    : sys(statx, target, "", AT_EMPTY_PATH, STATX_TYPE, &st);
		if (r < 0)
			child_fail(c, (int)r, "mask '%s'", path);
		bool is_dir = (st.stx_mode & S_IFMT) == S_IFDIR;
		if (is_dir && directory.tree < 0)
			directory.tree = empty_directory(c, "make an empty directory to mask with");
		cover(c, is_dir ? &directory : &file, target, path);
		sys(close, target);
	}
	/* A process that waits for its start holds nothing but what it needs for it. */
	if (directory.tree >= 0)
		sys(close, directory.tree);
	if (file.used)
		sys(close, file.tree);
}

static void protect(struct child *c, const char *path)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	int target = target_find(c, path, 0, 0);

	if (absent(target))
		return;
	long tree = target < 0 ? target : sys(open_tree, target, "", CLONE_FLAGS | AT_RECURSIVE);
	long r = tree < 0 ? tree
			  : sys(mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
				    sizeof(attr));
	if (r < 0)
		child_fail(c, (int)r, "make '%s' read-only", path);
	target_attach(c, "linux.readonlyPaths", (int)tree, target, path);
	sys(close, tree);
	sys(close, target);
}

void masks_apply(struct child *c)
{
	const place *readonly = child_list(c, c->plan->readonly);

	for (uint32_t i = 0; i < c->plan->n_readonly; i++)
		protect(c, child_text(c, readonly[i]));
	mask_all(c);
}
