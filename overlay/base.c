/* Base trees of snapshots. */
#include "overlay/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "overlay/trash.h"
#include "overlay/work.h"
#include "spec/base/fd.h"

#define DIR_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define BASES "bases"

struct base_name {
	char text[20];
};

/* FNV-1a. It only has to tell lists apart that are not made to collide: those are looked at. */
static uint64_t add_text(uint64_t sum, const char *text)
{
	do
		sum = (sum ^ (unsigned char)*text) * 0x100000001b3u;
	while (*text++);
	return sum;
}

static struct base_name name_of(const struct claim *c, unsigned turn)
{
	uint64_t sum = add_text(0xcbf29ce484222325u, c->snapshotter);
	struct base_name name;

	for (size_t i = 0; i < c->n_layers; i++)
		sum = add_text(sum, c->layers[i]);
	snprintf(name.text, sizeof(name.text), "%016" PRIx64, sum + turn);
	return name;
}

static bool is_for(const struct claim *base, const struct claim *wanted)
{
	if (!str_equal(base->snapshotter, wanted->snapshotter) ||
		base->n_layers != wanted->n_layers)
		return false;
	for (size_t i = 0; i < base->n_layers; i++)
		if (strcmp(base->layers[i], wanted->layers[i]) != 0)
			return false;
	return true;
}

/* 1 with the base, or 0 with the name that one of these layers would have. */
static int look(const struct snapshot *s, struct base_name *ret_name, int *ret_fd, struct err *e)
{
	for (unsigned turn = 0;; turn++) {
		automatic(claim) struct claim claim = { 0 };
		struct base_name name = name_of(s->claim, turn);
		char path[sizeof(BASES "/") + sizeof(name.text)];
		snprintf(path, sizeof(path), BASES "/%s", name.text);
		autofd int dir = openat(s->store->dir, path, O_RDONLY | DIR_FLAGS);
		if (dir < 0 && errno != ENOENT)
			return err_set(e, errno, "open '%s' in store '%s'", path, s->store->path);
		*ret_name = name;
		if (dir < 0)
			return 0;
		int r = claim_read(dir, &claim, e);
		if (r < 0)
			return err_while(e, "'%s' in store '%s'", path, s->store->path);
		if (!is_for(&claim, s->claim))
			continue;
		*ret_fd = take_fd(&dir);
		return 1;
	}
}

/* A host that dies must not leave one that looks whole. */
static int make(const struct snapshot *s, struct work *work,
	int (*build)(const struct snapshot *base, struct err *e), struct err *e)
{
	struct snapshot base = *s;
	struct claim claim = *s->claim;

	base.dir = work->dir;
	base.claim = &claim;
	claim.read_only = true;
	int r = build(&base, e);
	if (r == 0)
		r = claim_write(work->dir, &claim, e);
	return r < 0 ? r : store_sync(s->store, e);
}

int base_get(const struct snapshot *s, int (*build)(const struct snapshot *base, struct err *e),
	int *ret_fd, struct err *e)
{
	automatic(work) struct work work = WORK_NONE;
	struct base_name name;
	int r = look(s, &name, ret_fd, e);

	if (r != 0)
		return r < 0 ? r : 0;
	if (mkdirat(s->store->dir, BASES, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "create '" BASES "' in store '%s'", s->store->path);
	r = work_begin(s->store, name.text, &work, e);
	/* Who had the work before us may have made it. */
	if (r == 0)
		r = look(s, &name, ret_fd, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = make(s, &work, build, e);
	if (r == 0)
		r = work_publish(&work, BASES, name.text, e);
	if (r < 0)
		return err_while(e, "base of '%s'", s->claim->image);
	r = look(s, &name, ret_fd, e);
	if (r == 0)
		return err_say(
			e, ENOENT, "base of '%s': it is not there any more", s->claim->image);
	return r < 0 ? r : 0;
}

/* One that cannot be read is of no use to anybody. */
static bool is_needed(
	int bases, const char *name, bool (*is_used)(void *data, const char *diff_id), void *data)
{
	automatic(claim) struct claim claim = { 0 };
	struct err ignored;
	autofd int dir = openat(bases, name, O_PATH | DIR_FLAGS);

	if (dir < 0 || claim_read(dir, &claim, &ignored) < 0)
		return false;
	for (size_t i = 0; i < claim.n_layers; i++)
		if (!is_used(data, claim.layers[i]))
			return false;
	return true;
}

int base_sweep(struct broom *broom, bool (*is_used)(void *data, const char *diff_id), void *data,
	struct err *e)
{
	const struct store *store = broom->store;
	int fd = openat(store->dir, BASES, O_RDONLY | DIR_FLAGS);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int r = 0;

	if (!dir) {
		r = errno == ENOENT
			    ? 0
			    : err_set(e, errno, "open '" BASES "' in store '%s'", store->path);
		own_close(&fd);
		return r;
	}
	for (struct dirent *d; r == 0 && (d = readdir(dir));)
		if (d->d_name[0] != '.' && !is_needed(fd, d->d_name, is_used, data))
			r = broom_take(broom, fd, d->d_name, e);
	closedir(dir);
	return r;
}
