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
#include "spec/base/fd.h"

#define DEPTH_MAX 32 /* directories open at once; deeper ones are moved up to the trash itself */

static int put(int trash, int dirfd, const char *name)
{
	uint64_t number;
	char fresh[24];

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -errno;
	snprintf(fresh, sizeof(fresh), "%016" PRIx64, number);
	return renameat(dirfd, name, trash, fresh) < 0 && errno != ENOENT ? -errno : 0;
}

int trash_put(const struct store *store, int dirfd, const char *name, struct err *e)
{
	autofd int trash = openat(store->dir, "trash", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = trash < 0 ? -errno : put(trash, dirfd, name);

	return r < 0 ? err_set(e, -r, "remove '%s' from store '%s'", name, store->path) : 0;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int delete_entry(int trash, int dirfd, const char *name, int depth);

/* Everything below an open directory, which it takes; the first error, after trying all. */
static int delete_content(int trash, int fd, int depth)
{
	DIR *dir = fdopendir(fd);
	int first = 0;

	if (!dir) {
		first = -errno;
		close(fd);
		return first;
	}
	for (struct dirent *d; (d = readdir(dir));) {
		int r = is_dots(d->d_name) ? 0 : delete_entry(trash, fd, d->d_name, depth);
		if (first == 0)
			first = r;
	}
	closedir(dir);
	return first;
}

static int delete_below(int trash, int dirfd, const char *name, int depth)
{
	int fd = fd_open_beneath(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	return delete_content(trash, fd, depth + 1);
}

/* A subvolume that is read-only, as bases are, and as a container can make some on btrfs. */
static bool unlock(int dirfd, const char *name)
{
	autofd int fd = fd_open_beneath(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	return fd >= 0 && subvolume_set_read_only(fd, false) == 0;
}

static int delete_entry(int trash, int dirfd, const char *name, int depth)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	if (depth == DEPTH_MAX)
		return put(trash, dirfd, name);
	/* At once, where a container's tree is a subvolume without others in it. */
	if (depth == 1 && strcmp(name, SNAPSHOT_TREE) == 0 && subvolume_remove(dirfd, name) == 0)
		return 0;
	int r = delete_below(trash, dirfd, name, depth);
	if (r == -EROFS && unlock(dirfd, name))
		r = delete_below(trash, dirfd, name, depth);
	if (r == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

/* Deep trees put their lower parts back here, so until one pass finds nothing; bounded by depth. */
int trash_empty(const struct store *store, struct err *e)
{
	int r = 0;

	for (bool more = true; more && r == 0;) {
		autofd int trash = openat(store->dir, "trash", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int list = trash < 0 ? -1 : openat(trash, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct stat st;
		if (list < 0)
			return err_set(e, errno, "open the trash of store '%s'", store->path);
		r = delete_content(trash, list, 0);
		more = fstat(trash, &st) == 0 && st.st_nlink > 2;
	}
	return r < 0 ? err_set(e, -r, "empty the trash of store '%s'", store->path) : 0;
}
