/* The store's directory: made, checked, locked. */
#include "overlay/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "overlay/filesystem.h"
#include "spec/base/fd.h"

#define PUT_TRIES 8

/* By the form of its layers. */
static const char *const store_versions[] = {
	[FORM_TRUSTED] = "cowrun-store 1\n",
	[FORM_USER] = "cowrun-store 1 user\n",
};

/* What is in empty/ becomes the root directory of containers without a layer: hence the modes. */
static const struct {
	const char *name;
	mode_t mode;
} store_rooms[] = { { "blobs", 0700 }, { "blobs/sha256", 0700 }, { "layers", 0700 },
	{ "objects", 0700 }, { "images", 0700 }, { "downloads", 0700 }, { "containers", 0700 },
	{ "tmp", 0700 }, { "trash", 0700 }, { "empty", 0755 }, { "empty/a", 0755 },
	{ "empty/b", 0755 } };

/* As mkdir -p; the last directory is the store's own. */
static int make_path(const char *path, struct err *e)
{
	autofree char *part = strdup(path);

	if (!part)
		return err_set(e, ENOMEM, "create store '%s'", path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return err_set(e, errno, "create store '%s': create '%s'", path, part);
		*slash = '/';
	}
	if (mkdir(part, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "create store '%s'", path);
	return 0;
}

static int check_owner(int dir, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(dir, &st) < 0)
		return err_set(e, errno, "open store '%s'", path);
	if (st.st_uid != geteuid())
		return err_say(e, EPERM, "open store '%s': it belongs to user %u, not to user %u",
			path, st.st_uid, geteuid());
	if (st.st_mode & 077)
		return err_say(e, EPERM,
			"open store '%s': others may enter it (mode %04o): it must be 0700", path,
			st.st_mode & 07777);
	return 0;
}

/* 0, -ENOENT when there is none yet, -EPROTO for another one. */
static int check_version(int dir, const char *path, enum overlay_form *ret, struct err *e)
{
	char text[64];
	autofd int fd = openat(dir, "version", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "open store '%s': read its version", path);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return err_set(e, errno, "open store '%s': read its version", path);
	text[n] = '\0';
	for (*ret = FORM_TRUSTED; *ret <= FORM_USER; ++*ret)
		if (strcmp(text, store_versions[*ret]) == 0)
			return 0;
	text[strcspn(text, "\n")] = '\0';
	return err_say(e, EPROTO,
		"open store '%s': its version is '%.40s', this program knows '%.*s'", path, text,
		(int)strcspn(store_versions[FORM_TRUSTED], "\n"), store_versions[FORM_TRUSTED]);
}

/* What is there already is not taken over; the temporary version file of a killed maker goes. */
static bool make_empty(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	bool empty = true;

	if (!list) {
		own_close(&fd);
		return false;
	}
	for (struct dirent *d; empty && (d = readdir(list));)
		empty = strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
			(str_starts(d->d_name, ".version.") && unlinkat(dir, d->d_name, 0) == 0);
	closedir(list);
	return empty;
}

/*
 * Without attributes there are no opaque directories, no file capabilities, and no overlay. A
 * user's are not asked for: tmpfs has them since 6.6, and images without such need none.
 */
static int check_filesystem(int dir, const char *path, struct err *e)
{
	if (form_here() == FORM_USER || form_probe(dir, FORM_TRUSTED) != -EOPNOTSUPP)
		return 0;
	return err_say(e, ENOTSUP,
		"create store '%s': it is on %s, which keeps no extended attributes; put it on "
		"ext4, xfs, btrfs or tmpfs",
		path, filesystem_of(dir).name);
}

/* The version is written first: without it an emptied store and a foreign directory look alike. */
static int furnish(int dir, const char *path, struct err *e)
{
	if (faccessat(dir, "version", F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		if (!make_empty(dir))
			return err_say(e, ENOTEMPTY,
				"create store '%s': the directory is not empty and not a store",
				path);
		if (fchmod(dir, 0700) < 0)
			return err_set(e, errno, "create store '%s'", path);
		int r = check_filesystem(dir, path, e);
		if (r < 0)
			return r;
		const char *version = store_versions[form_here()];
		r = fd_replace_file(dir, "version", version, strlen(version), 0600, e);
		if (r < 0)
			return err_while(e, "create store '%s'", path);
	}
	for (size_t i = 0; i < sizeof(store_rooms) / sizeof(store_rooms[0]); i++) {
		const char *room = store_rooms[i].name;
		int r = mkdirat(dir, room, 0700);
		if ((r < 0 && errno != EEXIST) ||
			(r == 0 && fchmodat(dir, room, store_rooms[i].mode, 0) < 0))
			return err_set(e, errno, "create store '%s': '%s'", path, room);
	}
	return 0;
}

int store_open(const char *path, enum store_access access, struct store *ret, struct err *e)
{
	enum overlay_form form;
	int r = access == STORE_CREATE ? make_path(path, e) : 0;
	if (r < 0)
		return r;
	autofd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_set(e, errno, "open store '%s'", path);
	if (access == STORE_CREATE) {
		/* Two first imports at once: one furnishes, the other finds it done. */
		flock(dir, LOCK_EX);
		r = furnish(dir, path, e);
		flock(dir, LOCK_UN);
		if (r < 0)
			return r;
	}
	r = check_owner(dir, path, e);
	if (r == 0)
		r = check_version(dir, path, &form, e);
	if (r < 0)
		return r;
	char *name = strdup(path);
	if (!name)
		return err_set(e, ENOMEM, "open store '%s'", path);
	*ret = (struct store){ .dir = take_fd(&dir), .form = form, .path = name };
	return 0;
}

void store_done(struct store *store)
{
	own_close(&store->dir);
	free(store->path);
	*store = (struct store)STORE_NONE;
}

int store_lock(const struct store *store, enum store_use use, int *ret_fd, struct err *e)
{
	autofd int fd =
		openat(store->dir, "lock", O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, use == STORE_SHARED ? LOCK_SH : LOCK_EX) < 0)
		return err_set(e, errno, "lock store '%s'", store->path);
	*ret_fd = take_fd(&fd);
	return 0;
}

int store_sync(const struct store *store, struct err *e)
{
	if (syncfs(store->dir) < 0)
		return err_set(e, errno, "flush store '%s' to disk", store->path);
	return 0;
}

/*
 * A new file in tmp/, locked as all work there is: what a killed process leaves of it is swept. A
 * sweeper may come between its making and the lock; then it is gone, and what renames it finds that.
 */
static int open_temporary(int tmp, char name[24])
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -errno;
	snprintf(name, 24, "put-%016" PRIx64, number);
	int fd = openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	flock(fd, LOCK_EX);
	return fd;
}

static int put(int tmp, int dir, const char *name, const struct str *text)
{
	char temporary[24];

	autofd int fd = open_temporary(tmp, temporary);
	if (fd < 0)
		return fd;
	int r = fd_write_all(fd, text->data, text->len);
	if (r == 0 && (fsync(fd) < 0 || renameat(tmp, temporary, dir, name) < 0))
		r = -errno;
	if (r < 0)
		unlinkat(tmp, temporary, 0);
	return r;
}

int store_put(const struct store *store, const char *room, const char *name, const struct str *text,
	struct err *e)
{
	int r = -ENOENT;

	if (!str_ok(text))
		return err_set(e, ENOMEM, "write '%s'", name);
	autofd int dir = openat(store->dir, room, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autofd int tmp = openat(store->dir, "tmp", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || tmp < 0)
		return err_set(e, errno, "open '%s' in store '%s'", room, store->path);
	for (int tries = 0; r == -ENOENT && tries < PUT_TRIES; tries++)
		r = put(tmp, dir, name, text);
	if (r == 0 && fsync(dir) < 0)
		r = -errno;
	return r < 0 ? err_set(e, -r, "write '%s' in store '%s'", name, store->path) : 0;
}

int store_change(struct store *store, const char *path, struct err *e)
{
	struct store other;

	if (store->dir >= 0 && str_equal(store->path, path))
		return 0;
	int r = store_open(path, STORE_READ, &other, e);
	if (r < 0)
		return r;
	store_done(store);
	*store = other;
	return 0;
}
