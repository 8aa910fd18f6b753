/*
 * A container's root file system.
 *
 * On the way of a start: the claim is written under the shared lock, so that no layer can go before
 * it counts as used; the lock is given back before the mount.
 */
#include "overlay/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "overlay/claim.h"
#include "overlay/layer.h"
#include "overlay/object.h"
#include "overlay/mount.h"
#include "overlay/trash.h"
#include "spec/base/fd.h"
#include "spec/id.h"

#define DIR_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* The layers of one stack, opened; lowest first. */
struct lowers {
	int *fds;
	size_t n;
	int objects; /* -1: no layer needs them */
	bool deep;   /* one that is not the lowest does */
};
#define LOWERS_NONE                                                                                \
	{                                                                                          \
		.objects = -1                                                                      \
	}

static void lowers_done(struct lowers *l)
{
	for (size_t i = 0; i < l->n; i++)
		own_close(&l->fds[i]);
	free(l->fds);
	own_close(&l->objects);
}
DEFINE_AUTO(lowers, lowers_done)

static int add_empty(const struct store *store, const char *name, struct lowers *l, struct err *e)
{
	int fd = openat(store->dir, name, O_PATH | DIR_FLAGS);

	if (fd < 0)
		return err_set(e, errno, "open '%s' in store '%s'", name, store->path);
	l->fds[l->n++] = fd;
	return 0;
}

static int find_stubs(
	const struct store *store, const struct claim *claim, struct lowers *l, struct err *e)
{
	bool any = false;

	for (size_t i = 0; i < claim->n_layers; i++) {
		bool has = layer_has_stubs(store, claim->layers[i]);
		any |= has;
		l->deep |= has && i > 0;
	}
	if (!any)
		return 0;
	if (l->deep && store->form == FORM_USER)
		return err_say(e, ENOTSUP,
			"a layer above another has shared files, which an ordinary user's mount "
			"cannot follow (hint: load the image into a store of its own, or with "
			"--no-sharing)");
	l->objects = objects_open(store);
	return l->objects < 0
		       ? err_set(e, -l->objects, "open the objects of store '%s'", store->path)
		       : 0;
}

/* Overlay wants one lower beside an upper, or two, of which one may be data-only. */
static int open_lowers(
	const struct store *store, const struct claim *claim, struct lowers *l, struct err *e)
{
	int r = find_stubs(store, claim, l, e);
	size_t least = claim->read_only && l->objects < 0 ? 2 : 1;

	if (r < 0)
		return r;
	l->fds = calloc(claim->n_layers + least, sizeof(*l->fds));
	if (!l->fds)
		return err_set(e, ENOMEM, "open layers");
	if (claim->n_layers < least)
		r = add_empty(store, "empty/a", l, e);
	if (r == 0 && claim->n_layers + 1 < least)
		r = add_empty(store, "empty/b", l, e);
	for (size_t i = 0; r == 0 && i < claim->n_layers; i++) {
		r = layer_open(store, claim->layers[i], &l->fds[l->n], e);
		l->n += r == 0;
	}
	return r;
}

static int open_containers(const struct store *store, struct err *e)
{
	int fd = openat(store->dir, "containers", O_PATH | DIR_FLAGS);

	return fd < 0 ? err_set(e, errno, "open the containers of store '%s'", store->path) : fd;
}

/* The container's root directory takes its owner and mode from the topmost layer's. */
static int make_upper(int dir, int top_layer, struct err *e)
{
	struct stat st;

	if (mkdirat(dir, "u", 0700) < 0 || mkdirat(dir, "w", 0700) < 0 ||
		fstat(top_layer, &st) < 0 || fchmodat(dir, "u", st.st_mode & 07777, 0) < 0)
		return err_set(e, errno, "create its upper layer");
	if ((st.st_uid || st.st_gid) && fchownat(dir, "u", st.st_uid, st.st_gid, 0) < 0)
		return err_set(e, errno, "create its upper layer");
	return 0;
}

static int mount_stack(const struct store *store, int dir, const struct lowers *l, bool read_only,
	int *ret_fd, struct err *e)
{
	autofd int upper = -1, work = -1;
	struct statfs fs;

	if (!read_only) {
		upper = openat(dir, "u", O_PATH | DIR_FLAGS);
		work = openat(dir, "w", O_PATH | DIR_FLAGS);
		if (upper < 0 || work < 0)
			return err_set(e, errno, "open its upper layer");
	}
	struct overlay_dirs dirs = { .lowers = l->fds,
		.n_lowers = l->n,
		.upper = upper,
		.work = work,
		.form = store->form,
		.objects = l->objects >= 0 ? &l->objects : NULL,
		.deep = l->deep };
	int r = overlay_mount(&dirs, ret_fd, e);
	if (r == -EINVAL && fstatfs(store->dir, &fs) == 0 &&
		fs.f_type == (__typeof__(fs.f_type))OVERLAYFS_SUPER_MAGIC)
		return err_say(e, EINVAL,
			"cannot use '%s' for container layers: it is on overlayfs, which cannot hold "
			"an overlay upper directory; put the store on ext4, xfs, btrfs or tmpfs",
			store->path);
	return r;
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

/* Under the shared lock: once the claim is written and the layers are open, they stay. */
static int claim_layers(const struct store *store, int dir, const struct claim *claim,
	struct lowers *l, struct err *e)
{
	autofd int lock = -1;

	int r = store_lock(store, STORE_SHARED, &lock, e);
	if (r == 0)
		r = claim_write(dir, claim, e);
	return r < 0 ? r : open_lowers(store, claim, l, e);
}

static int fill_and_mount(const struct store *store, int dir, const struct claim *claim,
	int *ret_rootfs, struct err *e)
{
	automatic(lowers) struct lowers l = LOWERS_NONE;

	int r = claim_layers(store, dir, claim, &l, e);
	if (r == 0 && !claim->read_only)
		r = make_upper(dir, l.fds[l.n - 1], e);
	return r < 0 ? r : mount_stack(store, dir, &l, claim->read_only, ret_rootfs, e);
}

int stack_make(const struct store *store, const struct image *image, const char *id, bool read_only,
	struct stack *ret, struct err *e)
{
	struct claim claim = {
		.image = image->record.ref,
		.image_id = image->record.config,
		.layers = image->record.layers,
		.n_layers = image->record.n_layers,
		.read_only = read_only,
	};
	struct err ignored;
	int rootfs;

	int r = id_check(id, e);
	if (r < 0)
		return r;
	autofd int containers = open_containers(store, e);
	if (containers < 0)
		return containers;
	autofd int dir = make_dir(containers, id, e);
	if (dir < 0)
		return dir;
	r = fill_and_mount(store, dir, &claim, &rootfs, e);
	if (r < 0) {
		trash_put(store, containers, id, &ignored);
		trash_empty(store, &ignored);
		return err_while(e, "root file system of '%s'", id);
	}
	*ret = (struct stack){ .rootfs = rootfs, .dir = take_fd(&dir) };
	return 0;
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

int stack_mount(const struct store *store, const char *id, struct stack *ret, struct err *e)
{
	automatic(claim) struct claim claim = { 0 };
	automatic(lowers) struct lowers l = LOWERS_NONE;
	int rootfs;

	autofd int dir = open_dir(store, id, O_RDONLY, e);
	if (dir < 0)
		return dir;
	if (flock(dir, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? err_say(e, EBUSY, "the files of '%s' are in use", id)
					    : err_set(e, errno, "lock the files of '%s'", id);
	int r = claim_read(dir, &claim, e);
	if (r == 0)
		r = open_lowers(store, &claim, &l, e);
	if (r == 0 && !claim.read_only)
		forgive_volatile(dir);
	if (r == 0)
		r = mount_stack(store, dir, &l, claim.read_only, &rootfs, e);
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
		return err_say(e, ENODATA, "'%s' is read-only and has no files of its own", id);
	if (fd < 0)
		return err_set(e, errno, "open the files of '%s'", id);
	*ret_fd = fd;
	return 0;
}

/* The layers alone. */
static int mount_lowers(
	const struct store *store, const struct claim *claim, int *ret_fd, struct err *e)
{
	automatic(lowers) struct lowers l = { 0 };
	struct claim layers = *claim; /* borrows */

	layers.read_only = true;
	int r = open_lowers(store, &layers, &l, e);
	return r < 0 ? r : mount_stack(store, -1, &l, true, ret_fd, e);
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
	if (r < 0)
		return err_while(e, "files of '%s'", id);
	parts.upper = openat(dir, "u", O_RDONLY | DIR_FLAGS);
	if (parts.upper < 0 && !parts.claim.read_only)
		return err_set(e, errno, "open the files of '%s'", id);
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

int stack_remove(const struct store *store, const char *id, struct err *e)
{
	int r = id_check(id, e);
	if (r < 0)
		return r;
	autofd int containers = open_containers(store, e);
	if (containers < 0)
		return containers;
	r = trash_put(store, containers, id, e);
	return r < 0 ? r : trash_empty(store, e);
}
