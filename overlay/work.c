/*
 * Work in progress: locked directories in tmp/.
 *
 * The lock is on the directory itself, so that it goes with it: a published directory carries its
 * lock away, and a dead worker's is free. Between the opening of a name and the lock on it the
 * directory may have been published, swept, or made anew by somebody else; so whoever gets the lock
 * looks whether the name still means what it holds, and otherwise begins again. A sweeper does the
 * same, and moves a dead directory away while it holds the lock, so nobody takes it up meanwhile.
 */
#include "overlay/work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "overlay/trash.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"

static int open_tmp(const struct store *store, int flags)
{
	return openat(store->dir, "tmp", flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* 1 with an empty locked directory, 0 to try again, or -errno. */
static int try_begin(const struct store *store, int tmp, struct work *work)
{
	struct err ignored;
	bool fresh = mkdirat(tmp, work->name, 0700) == 0;

	if (!fresh && errno != EEXIST)
		return -errno;
	autofd int dir = openat(tmp, work->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 && errno == ENOENT)
		return 0;
	if (dir < 0 || flock(dir, LOCK_EX) < 0) {
		int r = -errno;
		if (fresh)
			unlinkat(tmp, work->name, AT_REMOVEDIR);
		return r;
	}
	if (!fd_is_named(dir, tmp, work->name))
		return 0;
	/* Not ours, and nobody holds it: a dead worker's. */
	if (!fresh)
		return trash_put(store, tmp, work->name, &ignored);
	work->dir = take_fd(&dir);
	return 1;
}

int work_begin(const struct store *store, const char *key, struct work *ret, struct err *e)
{
	struct work work = { .store = store, .dir = -1 };
	uint64_t number;
	int r = 0;

	autofd int tmp = open_tmp(store, O_PATH);
	if (tmp < 0 || getrandom(&number, sizeof(number), 0) != sizeof(number))
		return err_set(e, errno, "open '%s/tmp'", store->path);
	if (key)
		snprintf(work.name, sizeof(work.name), "layer-%.64s", key);
	else
		snprintf(work.name, sizeof(work.name), "work-%016" PRIx64, number);
	while (r == 0)
		r = try_begin(store, tmp, &work);
	if (r < 0)
		return err_set(e, -r, "create '%s/tmp/%s'", store->path, work.name);
	*ret = work;
	return 0;
}

int work_publish(struct work *work, const char *room, const char *name, struct err *e)
{
	const struct store *store = work->store;
	autofd int tmp = open_tmp(store, O_PATH);
	autofd int to = openat(store->dir, room, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (tmp < 0 || to < 0)
		return err_set(e, errno, "open '%s' in store '%s'", room, store->path);
	if (fsync(work->dir) < 0)
		return err_set(e, errno, "flush '%s/tmp/%s' to disk", store->path, work->name);
	if (renameat2(tmp, work->name, to, name, RENAME_NOREPLACE) < 0)
		return errno == EEXIST ? 0
				       : err_set(e, errno, "put '%s' into '%s' of store '%s'", name,
						 room, store->path);
	own_close(&work->dir);
	work->dir = -1;
	if (fsync(to) < 0)
		return err_set(e, errno, "flush '%s' of store '%s' to disk", room, store->path);
	return 0;
}

void work_end(struct work *work)
{
	struct err ignored;

	if (work->dir < 0)
		return;
	autofd int tmp = open_tmp(work->store, O_PATH);
	if (tmp >= 0 && trash_put(work->store, tmp, work->name, &ignored) == 0)
		trash_empty(work->store, &ignored);
	own_close(&work->dir);
	work->dir = -1;
}

/* What nobody holds the lock of. */
static int sweep_room(struct broom *broom, const char *room, struct err *e)
{
	const struct store *store = broom->store;
	int fd = openat(store->dir, room, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	int r = 0;

	if (!list) {
		r = err_set(e, errno, "open '%s/%s'", store->path, room);
		own_close(&fd);
		return r;
	}
	for (struct dirent *d; r == 0 && (d = readdir(list));) {
		if (d->d_name[0] == '.')
			continue;
		autofd int one = openat(fd, d->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (one >= 0 && flock(one, LOCK_EX | LOCK_NB) == 0 &&
			fd_is_named(one, fd, d->d_name))
			r = broom_take(broom, fd, d->d_name, e);
	}
	closedir(list);
	return r;
}

int work_sweep_dead(struct broom *broom, struct err *e)
{
	return sweep_room(broom, "tmp", e);
}

int work_sweep_downloads(struct broom *broom, struct err *e)
{
	int r = sweep_room(broom, "downloads", e);

	return r == -ENOENT ? 0 : r; /* an older store, into which nothing was pulled */
}

int work_sweep(const struct store *store, struct err *e)
{
	struct broom broom = { .store = store };
	struct err why;

	int r = work_sweep_dead(&broom, e);
	if (r == 0 && trash_empty(store, &why) < 0)
		log_warn("what is thrown away stays in the store: %s", why.text);
	return r;
}
