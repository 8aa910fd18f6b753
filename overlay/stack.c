/*
 * A container's root file system.
 *
 * On the way of a start: the claim is written under the shared lock, so that no layer can go before
 * it counts as used; the lock is given back before the mount.
 */
#include "overlay/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "overlay/claim.h"
#include "overlay/forks.h"
#include "overlay/snapshot.h"
#include "overlay/trash.h"
#include "overlay/volume.h"
#include "spec/id.h"

#define DIR_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int open_containers(const struct store *store, struct err *e)
{
	int fd = openat(store->dir, "containers", O_PATH | DIR_FLAGS);

	return fd < 0 ? err_set(e, errno, "open the containers of store '%s'", store->path) : fd;
}

/* containers/ID, new and locked. */
static int make_dir(int containers, const char *id, struct err *e)
{
	if (mkdirat(containers, id, 0700) < 0)
		return errno == EEXIST ? err_say(e, EEXIST, "'%s' has files already", id)
				       : err_set(e, errno, "create the files of '%s'", id);
	int dir = openat(containers, id, O_RDONLY | DIR_FLAGS);
	if (dir < 0 || flock(dir, LOCK_EX | LOCK_NB) < 0) {
		int r = err_set(e, errno, "lock the files of '%s'", id);
		own_close(&dir);
		return r;
	}
	return dir;
}

static bool wants_upper(const struct snapshotter *way, const struct claim *claim)
{
	return way->has_upper && !claim->read_only;
}

/* Under the shared lock: once the claim is written and the layers are open, they stay. */
static int claim_layers(const struct store *store, int dir, const struct claim *claim,
	const struct snapshotter *way, struct lowers *l, struct err *e)
{
	autofd int lock = -1;

	int r = store_lock(store, STORE_SHARED, &lock, e);
	if (r == 0)
		r = claim_write(dir, claim, e);
	return r < 0 ? r : lowers_open(store, claim, wants_upper(way, claim), l, e);
}

static int fill_and_mount(const struct store *store, int dir, const struct claim *claim,
	const struct snapshotter *way, const struct overlay_ids *ids, int *ret_rootfs,
	struct err *e)
{
	automatic(lowers) struct lowers l = LOWERS_NONE;

	int r = claim_layers(store, dir, claim, way, &l, e);
	struct snapshot s = {
		.store = store, .claim = claim, .lowers = &l, .dir = dir, .ids = ids
	};
	if (r == 0)
		r = way->make(&s, e);
	return r < 0 ? r : way->mount(&s, false, ret_rootfs, e);
}

/* On failure nothing of the id is left, unless it had files before. */
static int make(const struct store *store, int containers, const char *id,
	const struct claim *claim, const struct snapshotter *way, const struct overlay_ids *ids,
	struct stack *ret, struct err *e)
{
	struct err ignored;
	int rootfs;

	autofd int dir = make_dir(containers, id, e);
	if (dir < 0)
		return dir;
	int r = fill_and_mount(store, dir, claim, way, ids, &rootfs, e);
	if (r < 0) {
		trash_put(store, containers, id, &ignored);
		trash_empty(store, &ignored);
		return err_while(e, "root file system of '%s'", id);
	}
	*ret = (struct stack){ .rootfs = rootfs, .dir = take_fd(&dir) };
	return 0;
}

int stack_make_by(const struct store *store, const struct image *image, const char *id,
	const char *snapshotter, bool read_only, const struct overlay_ids *ids, struct stack *ret,
	struct err *e)
{
	const struct snapshotter *way = snapshotters;

	int r = id_check(id, e);
	if (r == 0)
		r = snapshotter_find(snapshotter, &way, e);
	if (r == 0)
		r = snapshotter_check(way, snapshotter, store, e);
	if (r == 0 && ids && way != snapshotters)
		r = err_say(e, ENOTSUP,
			"a user namespace's own ids: its files can be by overlay only, not by '%s'",
			way->name);
	if (r < 0)
		return r;
	const struct claim claim = {
		.image = image->record.ref,
		.image_id = image->record.config,
		.layers = image->record.layers,
		.n_layers = image->record.n_layers,
		.read_only = read_only,
		.snapshotter = way == snapshotters ? NULL : (char *)snapshotter,
	};
	autofd int containers = open_containers(store, e);
	return containers < 0 ? containers : make(store, containers, id, &claim, way, ids, ret, e);
}

int stack_make(const struct store *store, const struct image *image, const char *id, bool read_only,
	struct stack *ret, struct err *e)
{
	return stack_make_by(store, image, id, NULL, read_only, NULL, ret, e);
}

static int open_dir(const struct store *store, const char *id, int flags, struct err *e)
{
	int r = id_check(id, e);
	if (r < 0)
		return r;
	autofd int containers = open_containers(store, e);
	if (containers < 0)
		return containers;
	int dir = openat(containers, id, flags | DIR_FLAGS);
	return dir < 0 ? err_set(e, errno, "open the files of '%s'", id) : dir;
}

static int read_template(int dir, const char *id, struct claim *ret, struct err *e)
{
	automatic(claim) struct claim claim = { 0 };

	int r = claim_read(dir, &claim, e);
	if (r < 0)
		return err_while(e, "template '%s'", id);
	if (claim.template)
		return err_say(
			e, ENOTSUP, "template '%s' is itself a fork of '%s'", id, claim.template);
	if (claim.snapshotter)
		return err_say(e, ENOTSUP,
			"the files of template '%s' are by snapshotter '%s': only those by overlay "
			"can be those of a fork",
			id, claim.snapshotter);
	*ret = claim;
	claim = (struct claim){ 0 };
	return 0;
}

/* Under one of its locks, open and with its claim. */
static int open_template(int containers, const char *id, enum store_use use, int *ret_lock,
	int *ret_dir, struct claim *ret, struct err *e)
{
	autofd int lock = forks_lock(containers, use, e);
	if (lock < 0)
		return lock;
	autofd int dir = openat(containers, id, O_PATH | DIR_FLAGS);
	if (dir < 0)
		return err_set(e, errno, "open the files of template '%s'", id);
	int r = read_template(dir, id, ret, e);
	if (r < 0)
		return r;
	*ret_lock = take_fd(&lock);
	*ret_dir = take_fd(&dir);
	return 0;
}

static int seal(const struct store *store, int containers, const char *id, struct err *e)
{
	automatic(claim) struct claim claim = { 0 };
	autofd int lock = -1, dir = -1;

	int r = open_template(containers, id, STORE_EXCLUSIVE, &lock, &dir, &claim, e);
	if (r < 0)
		return r;
	/* One without an upper layer has no files but its image's. */
	r = claim.read_only ? 0 : forks_seal(store, dir, e);
	return r < 0 ? err_while(e, "seal the files of '%s'", id) : 0;
}

int stack_seal(const struct store *store, const char *id, struct err *e)
{
	int r = id_check(id, e);
	if (r < 0)
		return r;
	autofd int containers = open_containers(store, e);
	return containers < 0 ? containers : seal(store, containers, id, e);
}

bool stack_is_sealed(const struct store *store, const char *id)
{
	struct err ignored;
	autofd int containers = open_containers(store, &ignored);

	return containers >= 0 && forks_is_sealed(containers, id);
}

int stack_fork(const struct store *store, const char *template, const char *id, bool read_only,
	const struct overlay_ids *ids, struct stack *ret, struct err *e)
{
	automatic(claim) struct claim claim = { 0 };
	autofd int lock = -1, dir = -1;

	int r = id_check(id, e);
	if (r == 0)
		r = id_check(template, e);
	if (r < 0)
		return r;
	autofd int containers = open_containers(store, e);
	if (containers < 0)
		return containers;
	if (!forks_is_sealed(containers, template))
		r = seal(store, containers, template, e);
	if (r == 0)
		r = open_template(containers, template, STORE_SHARED, &lock, &dir, &claim, e);
	if (r < 0)
		return r;
	struct claim own = claim; /* borrows */
	own.template = claim.read_only ? NULL : (char *)template;
	own.read_only = read_only;
	return make(store, containers, id, &own, snapshotters, ids, ret, e);
}

int stack_refuse_forked(const struct store *store, const char *id, struct err *e)
{
	autofd int containers = open_containers(store, e);
	autofd int lock = containers < 0 ? containers : forks_lock(containers, STORE_SHARED, e);

	return lock < 0 ? lock : forks_refuse(containers, id, e);
}

/* Written to, they would change below its forks; without any, they are to be sealed anew. */
static int unseal(const struct store *store, int dir, const char *id, struct err *e)
{
	autofd int containers = open_containers(store, e);
	autofd int lock = containers < 0 ? containers : forks_lock(containers, STORE_EXCLUSIVE, e);
	int r = lock < 0 ? lock : forks_refuse(containers, id, e);

	return r < 0 ? r : forks_unseal(dir, e);
}

int stack_mount(const struct store *store, const char *id, struct stack *ret, struct err *e)
{
	automatic(claim) struct claim claim = { 0 };
	automatic(lowers) struct lowers l = LOWERS_NONE;
	const struct snapshotter *way = snapshotters;
	int rootfs;

	autofd int dir = open_dir(store, id, O_RDONLY, e);
	if (dir < 0)
		return dir;
	if (flock(dir, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? err_say(e, EBUSY, "the files of '%s' are in use", id)
					    : err_set(e, errno, "lock the files of '%s'", id);
	int r = unseal(store, dir, id, e);
	if (r == 0)
		r = claim_read(dir, &claim, e);
	if (r == 0)
		r = snapshotter_find(claim.snapshotter, &way, e);
	if (r == 0)
		r = lowers_open(store, &claim, wants_upper(way, &claim), &l, e);
	struct snapshot s = { .store = store, .claim = &claim, .lowers = &l, .dir = dir };
	if (r == 0)
		r = way->mount(&s, true, &rootfs, e);
	if (r < 0)
		return err_while(e, "root file system of '%s'", id);
	*ret = (struct stack){ .rootfs = rootfs, .dir = take_fd(&dir) };
	return 0;
}

void stack_done(struct stack *stack)
{
	own_close(&stack->rootfs);
	own_close(&stack->dir);
	*stack = (struct stack)STACK_NONE;
}

int stack_upper(const struct store *store, const char *id, int *ret_fd, struct err *e)
{
	autofd int dir = open_dir(store, id, O_PATH, e);

	if (dir < 0)
		return dir;
	int fd = openat(dir, "u", O_RDONLY | DIR_FLAGS);
	if (fd < 0 && errno == ENOENT)
		return err_say(e, ENODATA, "'%s' has no upper layer", id);
	if (fd < 0)
		return err_set(e, errno, "open the files of '%s'", id);
	*ret_fd = fd;
	return 0;
}

int stack_own(const struct store *store, const char *id, int *ret_fd, struct err *e)
{
	struct stat st;
	autofd int dir = open_dir(store, id, O_PATH, e);

	if (dir < 0)
		return dir;
	int fd = openat(dir, "u", O_RDONLY | DIR_FLAGS);
	if (fd < 0 && errno == ENOENT)
		fd = openat(dir, SNAPSHOT_TREE, O_RDONLY | DIR_FLAGS);
	if (fd < 0 && errno != ENOENT)
		return err_set(e, errno, "open the files of '%s'", id);
	if (fd < 0 && fstatat(dir, VOLUME_LINK, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_say(e, ENODATA, "the files of '%s' are in a volume of their own", id);
	*ret_fd = fd;
	return 0;
}

int stack_claim(const struct store *store, const char *id, struct claim *ret, struct err *e)
{
	autofd int dir = open_dir(store, id, O_PATH, e);

	return dir < 0 ? dir : claim_read(dir, ret, e);
}

int stack_image(const struct store *store, const char *id, struct image *ret, struct err *e)
{
	automatic(claim) struct claim claim = { 0 };
	automatic(image) struct image image = { 0 };

	int r = stack_claim(store, id, &claim, e);
	if (r == 0 && !(claim.image && claim.image_id && digest_check(claim.image_id)))
		r = err_say(e, ERR_DAMAGED, "of which image '%s' is, is not known", id);
	if (r == 0)
		r = image_read_config(store, claim.image_id, &image.config, e);
	if (r < 0)
		return r;
	image.record.ref = take(claim.image);
	image.record.config = take(claim.image_id);
	image.record.layers = take(claim.layers);
	image.record.n_layers = claim.n_layers;
	claim.n_layers = 0;
	*ret = image;
	image = (struct image){ 0 };
	return 0;
}

/* The layers alone. */
static int mount_lowers(
	const struct store *store, const struct claim *claim, int *ret_fd, struct err *e)
{
	automatic(lowers) struct lowers l = LOWERS_NONE;
	struct claim layers = *claim; /* borrows */

	layers.read_only = true;
	int r = lowers_open(store, &layers, false, &l, e);
	struct snapshot s = { .store = store, .claim = &layers, .lowers = &l, .dir = -1 };
	return r < 0 ? r : snapshot_merged(&s, ret_fd, e);
}

/* What is no upper layer is mounted once more: that is the same file system, and not another. */
static int open_own(const struct store *store, int dir, struct stack_parts *parts, struct err *e)
{
	const struct snapshotter *way = snapshotters;
	const struct snapshot s = { .store = store, .claim = &parts->claim, .dir = dir };
	autofd int mount = -1;

	int r = snapshotter_find(parts->claim.snapshotter, &way, e);
	parts->whole = r == 0 && !way->has_upper;
	if (parts->whole)
		r = way->mount(&s, true, &mount, e);
	if (r < 0)
		return r;
	/* Opened to be read: whoever wants them for himself locks them. */
	parts->upper = parts->whole ? openat(mount, ".", O_RDONLY | DIR_FLAGS)
				    : openat(dir, FORKS_SEALED, O_RDONLY | DIR_FLAGS);
	if (parts->upper < 0 && errno == ENOENT)
		parts->upper = openat(dir, "u", O_RDONLY | DIR_FLAGS);
	if (parts->upper < 0 && (parts->whole || !parts->claim.read_only))
		return err_set(e, errno, "open its own files");
	return 0;
}

int stack_open(const struct store *store, const char *id, struct stack_parts *ret, struct err *e)
{
	automatic(stack_parts) struct stack_parts parts = STACK_PARTS_NONE;

	autofd int dir = open_dir(store, id, O_PATH, e);
	if (dir < 0)
		return dir;
	int r = claim_read(dir, &parts.claim, e);
	if (r == 0)
		r = mount_lowers(store, &parts.claim, &parts.lowers, e);
	if (r == 0)
		r = open_own(store, dir, &parts, e);
	if (r < 0)
		return err_while(e, "files of '%s'", id);
	*ret = parts;
	parts = (struct stack_parts)STACK_PARTS_NONE;
	return 0;
}

void stack_parts_done(struct stack_parts *parts)
{
	own_close(&parts->upper);
	own_close(&parts->lowers);
	claim_done(&parts->claim);
	*parts = (struct stack_parts)STACK_PARTS_NONE;
}

int stack_view(const struct store *store, const struct image *image, int *ret_fd, struct err *e)
{
	const struct claim claim = { .layers = image->record.layers,
		.n_layers = image->record.n_layers };
	int r = mount_lowers(store, &claim, ret_fd, e);

	return r < 0 ? err_while(e, "files of image '%s'", image->record.ref) : 0;
}

/* Under the lock, nobody becomes a fork of it. */
static int remove_unless_forked(
	const struct store *store, int containers, const char *id, struct err *e)
{
	autofd int lock = forks_lock(containers, STORE_EXCLUSIVE, e);
	int r = lock < 0 ? lock : forks_refuse(containers, id, e);

	return r < 0 ? r : trash_put(store, containers, id, e);
}

int stack_remove(const struct store *store, const char *id, struct err *e)
{
	int r = id_check(id, e);
	if (r < 0)
		return r;
	autofd int containers = open_containers(store, e);
	if (containers < 0)
		return containers;
	r = remove_unless_forked(store, containers, id, e);
	return r < 0 ? r : trash_empty(store, e);
}

int stack_forks(const struct store *store, const char *id, struct text_list *ret, struct err *e)
{
	autofd int containers = open_containers(store, e);

	return containers < 0 ? containers : forks_list(containers, id, ret, e);
}
