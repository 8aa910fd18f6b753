/* The store's trash. */
#include "overlay/trash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "overlay/snapshot.h"
#include "overlay/subvolume.h"
#include "overlay/volume.h"
#include "spec/base/fd.h"

#define DEPTH_MAX 32		 /* directories open at once; deeper ones are moved up */
#define SUBVOLUME_ROOT_INODE 256 /* in every subvolume of btrfs; elsewhere just a number */

/* What was moved up is a container's own, and none of the directories that the store knows. */
static const char moved_up[] = "deep-";

struct emptying {
	int up;	      /* where what lies too deep is moved to: the trash, or its subvolume's root */
	bool in_tree; /* there may be subvolumes, which nothing can be moved out of */
	bool again;   /* something was moved up */
};

static int put(int to, int dirfd, const char *name, const char *prefix)
{
	uint64_t number;
	char fresh[32];

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -errno;
	snprintf(fresh, sizeof(fresh), "%s%016" PRIx64, prefix, number);
	return renameat(dirfd, name, to, fresh) < 0 && errno != ENOENT ? -errno : 0;
}

int trash_put(const struct store *store, int dirfd, const char *name, struct err *e)
{
	autofd int trash = openat(store->dir, "trash", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = trash < 0 ? -errno : put(trash, dirfd, name, "");

	return r < 0 ? err_set(e, -r, "remove '%s' from store '%s'", name, store->path) : 0;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int delete_entry(struct emptying *x, int dirfd, const char *name, int depth);

/* Everything below an open directory, which it takes; the first error, after trying all. */
static int delete_content(struct emptying *x, int fd, int depth)
{
	DIR *dir = fdopendir(fd);
	int first = 0;

	if (!dir) {
		first = -errno;
		close(fd);
		return first;
	}
	for (struct dirent *d; (d = readdir(dir));) {
		int r = is_dots(d->d_name) ? 0 : delete_entry(x, fd, d->d_name, depth);
		if (first == 0)
			first = r;
	}
	closedir(dir);
	return first;
}

static int move_up(struct emptying *x, int dirfd, const char *name)
{
	x->again = true;
	return put(x->up, dirfd, name, moved_up);
}

/*
 * A subvolume is a place of its own to move things up to. One that lies deep already is moved up
 * itself, which is allowed, so that there are some levels left in it.
 */
static int delete_subvolume(struct emptying *x, int dirfd, const char *name, int fd, int depth)
{
	struct emptying inner = { .up = fd, .in_tree = true };
	int r = 0;

	if (depth > DEPTH_MAX / 2)
		return move_up(x, dirfd, name);
	do {
		inner.again = false;
		int list = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = list < 0 ? -errno : delete_content(&inner, list, depth + 1);
	} while (r == 0 && inner.again);
	return r;
}

static int delete_below(struct emptying *x, int dirfd, const char *name, int depth)
{
	autofd int fd = fd_open_beneath(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (x->in_tree && fstat(fd, &st) == 0 && st.st_ino == SUBVOLUME_ROOT_INODE)
		return delete_subvolume(x, dirfd, name, fd, depth);
	return delete_content(x, take_fd(&fd), depth + 1);
}

/* A subvolume that is read-only, as bases are, and as a container can make some on btrfs. */
static bool unlock(int dirfd, const char *name)
{
	autofd int fd = fd_open_beneath(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	return fd >= 0 && subvolume_set_read_only(fd, false) == 0;
}

static int delete_directory(struct emptying *x, int dirfd, const char *name, int depth)
{
	int r = delete_below(x, dirfd, name, depth);

	if (r == -EROFS && unlock(dirfd, name))
		r = delete_below(x, dirfd, name, depth);
	if (r == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

/* A container's tree, or a base's: at once, where it is a subvolume without others in it. */
static int delete_tree(struct emptying *x, int dirfd, const char *name, int depth)
{
	struct emptying inner = { .up = x->up, .in_tree = true };

	if (subvolume_remove(dirfd, name) == 0)
		return 0;
	int r = delete_directory(&inner, dirfd, name, depth);
	x->again |= inner.again;
	return r;
}

static int delete_entry(struct emptying *x, int dirfd, const char *name, int depth)
{
	/* Only in what was put here whole: there such a link is the store's own. */
	if (depth == 1 && strcmp(name, VOLUME_LINK) == 0) {
		int r = volume_remove(dirfd, name);
		if (r < 0 && r != -EINVAL && r != -ENOENT)
			return r;
	}
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	if (depth == DEPTH_MAX)
		return move_up(x, dirfd, name);
	if (depth == 1 && strcmp(name, SNAPSHOT_TREE) == 0)
		return delete_tree(x, dirfd, name, depth);
	if (depth == 0 && str_starts(name, moved_up))
		depth = 1;
	return delete_directory(x, dirfd, name, depth);
}

/* Deep trees put their lower parts back here, so until one pass finds nothing; bounded by depth. */
int trash_empty(const struct store *store, struct err *e)
{
	struct emptying x = { .again = true };
	int r = 0;

	while (x.again && r == 0) {
		autofd int trash = openat(store->dir, "trash", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int list = trash < 0 ? -1 : openat(trash, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (list < 0)
			return err_set(e, errno, "open the trash of store '%s'", store->path);
		x.up = trash;
		x.again = false;
		r = delete_content(&x, list, 0);
	}
	return r < 0 ? err_set(e, -r, "empty the trash of store '%s'", store->path) : 0;
}
