/* Files by (directory fd, name). */
#include "spec/base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/own.h"
#include "spec/base/sys.h"

int fd_write_all(int fd, const void *data, size_t n)
{
	const char *at = data;

	while (n) {
		ssize_t wrote = write(fd, at, n);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -errno;
		at += wrote;
		n -= (size_t)wrote;
	}
	return 0;
}

ssize_t fd_read_full(int fd, void *data, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = read(fd, (char *)data + have, n - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

/* Files without a size of their own (procfs, sysfs) and growing ones are read to their end. */
static int read_to_end(int fd, size_t limit, size_t expect, char **ret_data, size_t *ret_len)
{
	size_t room = expect + 1 < 512 ? 512 : expect + 1, have = 0;
	autofree char *data = malloc(room);

	for (;;) {
		if (!data)
			return -ENOMEM;
		ssize_t got = fd_read_full(fd, data + have, room - have - 1);
		if (got < 0)
			return (int)got;
		have += (size_t)got;
		if (have > limit)
			return -EFBIG;
		if (have < room - 1)
			break;
		room *= 2;
		char *more = realloc(data, room);
		if (!more)
			return -ENOMEM;
		data = more;
	}
	data[have] = '\0';
	*ret_data = take(data);
	*ret_len = have;
	return 0;
}

int fd_read_file(
	int dirfd, const char *name, size_t limit, char **ret_data, size_t *ret_len, struct err *e)
{
	/* Non-blocking: opening a FIFO in a file's place must not hang (CVE-2024-9676). */
	autofd int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "open '%s'", name);
	if (!S_ISREG(st.st_mode))
		return err_say(e, EINVAL, "open '%s': not a regular file", name);
	if (st.st_size > (off_t)limit)
		return err_say(e, EFBIG, "read '%s': %lld bytes, more than the %zu allowed", name,
			(long long)st.st_size, limit);
	int r = read_to_end(fd, limit, (size_t)st.st_size, ret_data, ret_len);
	if (r < 0)
		return err_set(e, -r, "read '%s'", name);
	return 0;
}

int fd_read_stream(const char *path, size_t limit, char **ret_data, size_t *ret_len, struct err *e)
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r = fd < 0 ? -errno : read_to_end(fd, limit, 0, ret_data, ret_len);

	return r < 0 ? err_set(e, -r, "read '%s'", path) : 0;
}

int fd_replace_file(
	int dirfd, const char *name, const void *data, size_t n, mode_t mode, struct err *e)
{
	char temporary[4200];
	const char *slash = strrchr(name, '/');
	int directory = slash ? (int)(slash + 1 - name) : 0;

	snprintf(temporary, sizeof(temporary), "%.*s.%.200s.%d", directory, name, name + directory,
		(int)getpid());
	autofd int fd = openat(
		dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return err_set(e, errno, "create '%s'", name);
	int r = fd_write_all(fd, data, n);
	if (r == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dirfd, temporary, 0);
		return err_set(e, -r, "write '%s'", name);
	}
	return 0;
}

static int open_how(int dir, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)flags | O_CLOEXEC, .resolve = resolve };

	/* EAGAIN: a rename raced with the resolution of "..", and the kernel asks to try again. */
	for (int tries = 0; tries < 128; tries++) {
		int fd = sys_openat2(dir, path, &how);
		if (fd >= 0)
			return fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

int fd_open_in_root(int root, const char *path, int flags)
{
	return open_how(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int fd_open_beneath(int dir, const char *path, int flags)
{
	return open_how(dir, path, flags,
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

int fd_open_regular(int dir, const char *path)
{
	autofd int there = fd_open_beneath(dir, path, O_PATH | O_NOFOLLOW);
	char name[40];
	struct stat st;

	if (there < 0)
		return there;
	if (fstat(there, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISLNK(st.st_mode) ? -ELOOP : -EINVAL;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", there);
	int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int remove_entries(int fd, dev_t device);

/* 0, or -errno. Another mount is told by openat2 (EXDEV), also where it is of the same device. */
static int remove_entry(int dirfd, const char *name, dev_t device)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	int fd = fd_open_beneath(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	int r = remove_entries(fd, device);
	if (r < 0)
		return r;
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* Takes fd. */
static int remove_entries(int fd, dev_t device)
{
	struct stat st;
	DIR *dir = fdopendir(fd);
	int r = 0;

	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	if (fstat(fd, &st) < 0 || st.st_dev != device)
		r = -EXDEV;
	for (struct dirent *d; r == 0 && (d = readdir(dir));)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = remove_entry(fd, d->d_name, device);
	closedir(dir);
	return r;
}

int fd_remove_tree(int dirfd, const char *name, struct err *e)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "remove '%s'", name);
	int r = remove_entry(dirfd, name, st.st_dev);
	return r < 0 ? err_set(e, -r, "remove '%s'", name) : 0;
}

bool fd_is_named(int fd, int dir, const char *name)
{
	struct stat own, there;

	return fstat(fd, &own) == 0 && fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       own.st_ino == there.st_ino && own.st_dev == there.st_dev;
}
