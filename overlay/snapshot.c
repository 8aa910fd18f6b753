/* The ways in which a container gets files of its own. */
#include "overlay/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "overlay/base.h"
#include "overlay/duplicate.h"
#include "overlay/filesystem.h"
#include "overlay/mount.h"
#include "overlay/subvolume.h"
#include "overlay/volume.h"
#include "spec/base/fd.h"

#define DIR_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* --- what the ways have in common --------------------------------------------------------------- */

int snapshot_merged(const struct snapshot *s, int *ret_fd, struct err *e)
{
	struct overlay_dirs dirs = lowers_dirs(s->lowers, s->store->form);

	return overlay_mount(&dirs, ret_fd, e);
}

int snapshot_fill(const struct snapshot *s, int tree, bool by_reference, struct err *e)
{
	autofd int merged = -1;

	int r = snapshot_merged(s, &merged, e);
	struct duplicate d = { .store = s->store,
		.from = merged,
		.layers = s->lowers->fds,
		.n_layers = s->lowers->n,
		.by_reference = by_reference };
	return r < 0 ? r : duplicate_tree(&d, tree, e);
}

/* SNAPSHOT_TREE in its directory. */
static int open_tree_of(const struct snapshot *s, int *ret_fd, struct err *e)
{
	int fd = openat(s->dir, SNAPSHOT_TREE, O_RDONLY | DIR_FLAGS);

	if (fd < 0)
		return err_set(e, errno, "open '" SNAPSHOT_TREE "'");
	*ret_fd = fd;
	return 0;
}

/*
 * As an overlay's mount: of no peer group of the host's, devices inert, and where we may, free of
 * what the host has forbidden for the place where the store is (nosuid, noexec), since an overlay
 * is another file system than that.
 */
static int mount_tree(const struct snapshot *s, bool again, int *ret_fd, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE };
	autofd int fd = open_tree(
		s->dir, SNAPSHOT_TREE, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);

	(void)again;
	if (s->store->form == FORM_TRUSTED)
		attr.attr_clr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	if (s->claim->read_only)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_set(e, errno, "mount '" SNAPSHOT_TREE "'");
	*ret_fd = take_fd(&fd);
	return 0;
}

/* --- overlay ------------------------------------------------------------------------------------ */

/* The container's root directory takes its owner and mode from the topmost layer's. */
static int make_upper(const struct snapshot *s, struct err *e)
{
	int dir = s->dir, top_layer = s->lowers->fds[s->lowers->n - 1];
	struct stat st;

	if (s->claim->read_only)
		return 0;
	if (mkdirat(dir, "u", 0700) < 0 || mkdirat(dir, "w", 0700) < 0 ||
		fstat(top_layer, &st) < 0 || fchmodat(dir, "u", st.st_mode & 07777, 0) < 0)
		return err_set(e, errno, "create its upper layer");
	if ((st.st_uid || st.st_gid) && fchownat(dir, "u", st.st_uid, st.st_gid, 0) < 0)
		return err_set(e, errno, "create its upper layer");
	return 0;
}

/*
 * A volatile overlay leaves a marker that forbids to mount it again, against crashes of the host:
 * unsynced files may be damaged then. LIMIT: after such a crash they are used all the same.
 */
static void forgive_volatile(int dir)
{
	autofd int incompat = fd_open_beneath(dir, "w/work/incompat", O_PATH | O_DIRECTORY);
	struct err ignored;

	if (incompat >= 0)
		fd_remove_tree(incompat, "volatile", &ignored);
}

/* What is copied up so can be read in no other way, whichever kernel comes next. */
static int note_deep(const struct snapshot *s, struct err *e)
{
	struct claim deep = *s->claim; /* borrows */
	bool known = s->lowers->deep || s->claim->deep || s->claim->read_only;

	deep.deep = true;
	return known ? 0 : claim_replace(s->dir, &deep, e);
}

static int mount_overlay(const struct snapshot *s, bool again, int *ret_fd, struct err *e)
{
	struct overlay_dirs dirs = lowers_dirs(s->lowers, s->store->form);
	automatic(mapped) struct mapped mapped = MAPPED_NONE;
	autofd int upper = -1, work = -1;
	int dir = s->dir;

	if (s->ids) {
		int bad = mapped_open(s->ids, s->lowers, dir, &mapped, e);
		if (bad < 0)
			return bad;
		dirs.ids = s->ids;
		dirs.lowers = mapped.lowers;
		dirs.objects = mapped.objects >= 0 ? &mapped.objects : NULL;
		dir = mapped.own;
	}
	if (!s->claim->read_only) {
		if (again)
			forgive_volatile(s->dir);
		upper = openat(dir, "u", O_PATH | DIR_FLAGS);
		work = openat(dir, "w", O_PATH | DIR_FLAGS);
		if (upper < 0 || work < 0)
			return err_set(e, errno, "open its upper layer");
	}
	dirs.upper = upper;
	dirs.work = work;
	dirs.deep |= s->claim->deep;
	int r = overlay_mount(&dirs, ret_fd, e);
	if (r == 0 && dirs.deep) {
		r = note_deep(s, e);
		if (r < 0)
			close(*ret_fd);
	}
	if (r == -EINVAL && s->ids)
		return err_say(e, ENOTSUP,
			"mount overlay over id-mapped layers: this kernel wants them attached somewhere (6.15 does not)");
	if (r == -EINVAL && filesystem_of(s->store->dir).magic == OVERLAYFS_SUPER_MAGIC)
		return err_say(e, EINVAL,
			"cannot use '%s' for container layers: it is on overlayfs, which cannot hold "
			"an overlay upper directory; put the store on ext4, xfs, btrfs or tmpfs",
			s->store->path);
	return r;
}

/* --- btrfs -------------------------------------------------------------------------------------- */

static int probe_btrfs(const struct store *store, const char *place, struct err *e)
{
	(void)place;
	struct filesystem fs = filesystem_of(store->dir);

	if (fs.magic == BTRFS_SUPER_MAGIC)
		return 0;
	return err_say(e, ENOTSUP, "the store '%s' is on %s, not btrfs", store->path, fs.name);
}

/* It is read-only once it is whole, so nothing can change below its snapshots. */
static int build_subvolume(const struct snapshot *base, struct err *e)
{
	int r = subvolume_create(base->dir, SNAPSHOT_TREE);

	if (r < 0)
		return err_set(e, -r, "create a subvolume");
	autofd int tree = -1;
	r = open_tree_of(base, &tree, e);
	if (r == 0)
		r = snapshot_fill(base, tree, true, e);
	if (r < 0)
		return r;
	r = subvolume_set_read_only(tree, true);
	return r < 0 ? err_set(e, -r, "make a subvolume read-only") : 0;
}

static int make_btrfs(const struct snapshot *s, struct err *e)
{
	autofd int base = -1;
	int r = base_get(s, build_subvolume, &base, e);

	if (r < 0)
		return r;
	autofd int tree = openat(base, SNAPSHOT_TREE, O_RDONLY | DIR_FLAGS);
	r = tree < 0 ? -errno : subvolume_snapshot(tree, s->dir, SNAPSHOT_TREE);
	return r < 0 ? err_set(e, -r, "take a snapshot") : 0;
}

/* --- reflink, copy ------------------------------------------------------------------------------ */

static int probe_reflink(const struct store *store, const char *place, struct err *e)
{
	(void)place;
	int r = duplicate_probe(store->dir);

	if (r == -EOPNOTSUPP || r == -ENOTTY || r == -EXDEV || r == -EINVAL)
		return err_say(e, ENOTSUP,
			"the store '%s' is on %s, where files cannot share their content (xfs and "
			"btrfs can)",
			store->path, filesystem_of(store->dir).name);
	return r < 0 ? err_set(e, -r, "the store '%s': share content of files", store->path) : 0;
}

static int make_tree(const struct snapshot *s, bool by_reference, struct err *e)
{
	autofd int tree = -1;

	if (mkdirat(s->dir, SNAPSHOT_TREE, 0700) < 0)
		return err_set(e, errno, "create '" SNAPSHOT_TREE "'");
	int r = open_tree_of(s, &tree, e);
	return r < 0 ? r : snapshot_fill(s, tree, by_reference, e);
}

static int make_reflink(const struct snapshot *s, struct err *e)
{
	return make_tree(s, true, e);
}

static int make_copy(const struct snapshot *s, struct err *e)
{
	return make_tree(s, false, e);
}

/* --- lvm, zfs ------------------------------------------------------------------------------------ */

static const char *place_of(const char *name)
{
	const char *colon = name ? strchr(name, ':') : NULL;

	return colon ? colon + 1 : NULL;
}

/* "lvm" of "lvm:GROUP/POOL". */
static const char *kind_of(const char *name)
{
	return *name == 'l' ? "lvm" : "zfs";
}

static int probe_lvm(const struct store *store, const char *place, struct err *e)
{
	(void)store;
	return volume_probe("lvm", place, e);
}

static int probe_zfs(const struct store *store, const char *place, struct err *e)
{
	(void)store;
	return volume_probe("zfs", place, e);
}

/* What mkfs puts into every root is no file of the image. */
static int fill_volume(const struct snapshot *base, struct err *e)
{
	autofd int tree = -1;
	int r = volume_mount(base->dir, false, false, &tree, e);

	if (r == 0 && unlinkat(tree, "lost+found", AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = err_set(e, errno, "remove 'lost+found'");
	return r < 0 ? r : snapshot_fill(base, tree, false, e);
}

static int build_volume(const struct snapshot *base, struct err *e)
{
	const char *name = base->claim->snapshotter;
	int r = volume_make(base->dir, kind_of(name), place_of(name), e);

	if (r == 0)
		r = fill_volume(base, e);
	return r < 0 ? r : volume_settle(base->dir, e);
}

static int make_volume(const struct snapshot *s, struct err *e)
{
	const char *name = s->claim->snapshotter;
	autofd int base = -1;
	int r = base_get(s, build_volume, &base, e);

	return r < 0 ? r : volume_snapshot(s->dir, base, kind_of(name), place_of(name), e);
}

static int mount_volume(const struct snapshot *s, bool again, int *ret_fd, struct err *e)
{
	return volume_mount(s->dir, again, s->claim->read_only, ret_fd, e);
}

/* --- the table ---------------------------------------------------------------------------------- */

const struct snapshotter snapshotters[] = {
	{ "overlay", "layers below an upper directory", .has_upper = true,
		.shares_page_cache = true, .for_users = true, .make = make_upper,
		.mount = mount_overlay },
	{ "btrfs", "a subvolume that begins as a snapshot", .probe = probe_btrfs,
		.make = make_btrfs, .mount = mount_tree },
	{ "reflink", "a tree of files that share their content on disk", .probe = probe_reflink,
		.make = make_reflink, .mount = mount_tree },
	{ "copy", "a plain copy", .for_users = true, .make = make_copy, .mount = mount_tree },
	{ "lvm", "a thin volume that begins as a snapshot", .place = "GROUP/POOL",
		.probe = probe_lvm, .make = make_volume, .mount = mount_volume },
	{ "zfs", "a dataset that begins as a clone", .place = "POOL/DATASET", .probe = probe_zfs,
		.make = make_volume, .mount = mount_volume },
	{ 0 },
};

static int check_place(const struct snapshotter *way, const char *place, struct err *e)
{
	if (way->place && !place)
		return err_say(e, EINVAL, "snapshotter '%s': it needs its place: %s:%s", way->name,
			way->name, way->place);
	if (!way->place && place)
		return err_say(e, EINVAL, "snapshotter '%s': it has no place, and '%s' is one",
			way->name, place);
	return 0;
}

int snapshotter_find(const char *name, const struct snapshotter **ret, struct err *e)
{
	automatic(str) struct str names = { 0 };
	size_t n = name ? strcspn(name, ":") : 0;

	for (const struct snapshotter *way = snapshotters; way->name; way++) {
		if (!name || (strlen(way->name) == n && strncmp(way->name, name, n) == 0)) {
			*ret = way;
			return check_place(way, place_of(name), e);
		}
		str_addf(&names, "%s%s", way == snapshotters ? "" : ", ", way->name);
	}
	return err_say(e, EINVAL, "no snapshotter '%s' (there are %s)", name,
		str_ok(&names) ? names.data : "others");
}

int snapshotter_check(
	const struct snapshotter *way, const char *name, const struct store *store, struct err *e)
{
	int r = 0;

	if (!way->for_users && store->form == FORM_USER)
		r = err_say(e, ENOTSUP, "for root alone; ordinary users have overlay and copy");
	else if (way->probe)
		r = way->probe(store, place_of(name), e);
	return r < 0 ? err_while(e, "snapshotter '%s'", way->name) : 0;
}
