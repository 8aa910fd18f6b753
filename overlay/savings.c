/*
 * Sizes of what images have in common.
 *
 * Every layer and every object that an image has is a unit: a row (unit, image, bytes), one for each
 * image that has it. Sorted, the rows of a unit lie side by side, and one pass adds them up.
 */
#include "overlay/savings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "overlay/objects.h"
#include "spec/base/fd.h"

#define BLOCK 512
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Names of objects are shorter than digests: none is taken for the other. */
struct unit {
	char name[DIGEST_HEX + 1];
	uint32_t image; /* its place in the list */
	bool object;
	uint64_t bytes;
};

struct units {
	struct unit *all;
	size_t n, room;
};

static void units_done(struct units *u)
{
	free(u->all);
}
DEFINE_AUTO(units, units_done)

static int add(struct units *u, const char *name, size_t n, const struct unit *unit)
{
	if (u->n == u->room) {
		size_t room = u->room ? 2 * u->room : 4096;
		void *more = reallocarray(u->all, room, sizeof(*u->all));
		if (!more)
			return -ENOMEM;
		u->all = more;
		u->room = room;
	}
	struct unit *to = &u->all[u->n++];
	*to = *unit;
	memset(to->name, 0, sizeof(to->name));
	memcpy(to->name, name, n < DIGEST_HEX ? n : DIGEST_HEX);
	return 0;
}

/* Directories that are still to be looked into. */
struct pending {
	struct below {
		char *name;
		size_t depth; /* of the directory that it is in */
	} * all;
	size_t n, room;
};

static void pending_done(struct pending *p)
{
	while (p->n)
		free(p->all[--p->n].name);
	free(p->all);
}
DEFINE_AUTO(pending, pending_done)

static int push(struct pending *p, const char *name, size_t depth)
{
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		void *more = reallocarray(p->all, room, sizeof(*p->all));
		if (!more)
			return -ENOMEM;
		p->all = more;
		p->room = room;
	}
	p->all[p->n] = (struct below){ strdup(name), depth };
	return p->all[p->n].name ? (p->n++, 0) : -ENOMEM;
}

/* Blocks of what is in one directory; files with several names count once too often. */
static int measure_one(int at, size_t depth, struct pending *p, uint64_t *bytes)
{
	int fd = openat(at, ".", DIR_FLAGS), r = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir) {
		r = -errno;
		own_close(&fd);
		return r;
	}
	for (struct dirent *d; r == 0 && (d = readdir(dir));) {
		struct stat st;
		bool own = strcmp(d->d_name, ".") == 0;
		if (strcmp(d->d_name, "..") == 0)
			continue;
		if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
		else if (S_ISDIR(st.st_mode) && !own)
			r = push(p, d->d_name, depth);
		else
			*bytes += (uint64_t)st.st_blocks * BLOCK / (own ? 1 : st.st_nlink);
	}
	closedir(dir);
	return r;
}

static int enter(int *at, const char *name)
{
	int fd = openat(*at, name, DIR_FLAGS);

	if (fd < 0)
		return -errno;
	own_close(at);
	*at = fd;
	return 0;
}

/*
 * All blocks below a directory, which it takes. It goes down and up again by "..", with one of them
 * open: a layer may be as deep as a path is long, and its whole path longer than one may be.
 */
static int measure(int fd, uint64_t *bytes)
{
	automatic(pending) struct pending p = { 0 };
	autofd int at = fd;
	size_t depth = 0;

	int r = at < 0 ? -errno : measure_one(at, depth, &p, bytes);
	while (r == 0 && p.n) {
		autofree char *name = p.all[--p.n].name;
		for (; r == 0 && depth > p.all[p.n].depth; depth--)
			r = enter(&at, "..");
		if (r == 0)
			r = enter(&at, name);
		depth++;
		if (r == 0)
			r = measure_one(at, depth, &p, bytes);
	}
	return r;
}

static int add_objects(const struct store *store, int layer, const struct unit *like,
	struct units *u, struct err *e)
{
	automatic(object_list) struct object_list list = { 0 };
	struct unit unit = *like;

	int r = objects_read(layer, &list, e);
	if (r < 0 || list.n == 0)
		return r;
	autofd int objects = objects_open(store);
	unit.object = true;
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		struct object_path p = object_path(&list.names[i]);
		struct stat st;
		if (fstatat(objects, p.text + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		unit.bytes = (uint64_t)st.st_blocks * BLOCK;
		r = add(u, list.names[i].text, OBJECT_NAME, &unit);
	}
	return r < 0 ? err_set(e, -r, "list what images share") : 0;
}

static int add_layer(const struct store *store, const char *digest, uint32_t image, struct units *u,
	struct err *e)
{
	struct unit unit = { .image = image };
	char path[sizeof("layers/") + DIGEST_HEX];

	snprintf(path, sizeof(path), "layers/%.64s", digest_hex(digest));
	autofd int layer = openat(store->dir, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (layer < 0)
		return err_set(e, errno, "open layer '%s'", digest);
	int r = measure(openat(layer, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), &unit.bytes);
	if (r == 0)
		r = add(u, digest_hex(digest), DIGEST_HEX, &unit);
	if (r < 0)
		return err_set(e, -r, "measure layer '%s'", digest);
	return add_objects(store, layer, &unit, u, e);
}

static int compare(const void *a, const void *b)
{
	const struct unit *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : (x->image > y->image) - (x->image < y->image);
}

/* Sorted, and each unit once for an image: two of its layers may name the same object. */
static void sort(struct units *u)
{
	size_t kept = 0;

	if (u->n)
		qsort(u->all, u->n, sizeof(*u->all), compare);
	for (size_t i = 0; i < u->n; i++)
		if (kept == 0 || compare(&u->all[kept - 1], &u->all[i]) != 0)
			u->all[kept++] = u->all[i];
	u->n = kept;
}

/* `common`: bytes that images have in common, a square table. */
static void add_up(const struct units *u, struct savings *s, uint64_t *common)
{
	for (size_t i = 0, end; i < u->n; i = end) {
		for (end = i + 1; end < u->n && strcmp(u->all[end].name, u->all[i].name) == 0;)
			end++;
		bool shared = end - i > 1;
		s->disk += u->all[i].bytes;
		for (size_t j = i; j < end; j++) {
			const struct unit *unit = &u->all[j];
			struct saving *own = &s->all[unit->image];
			*(shared ? &own->shared : &own->own) += unit->bytes;
			*(shared ? &own->shared_files : &own->own_files) += unit->object;
			s->apart += unit->bytes;
			for (size_t k = i; k < end; k++)
				common[unit->image * s->n + u->all[k].image] += unit->bytes;
		}
	}
}

static int by_bytes(const void *a, const void *b)
{
	const struct saving_peer *x = a, *y = b;

	return x->bytes == y->bytes ? strcmp(x->name, y->name)
				    : (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static int name_peers(struct savings *s, const uint64_t *common)
{
	for (size_t i = 0; i < s->n; i++) {
		struct saving *own = &s->all[i];
		own->peers = calloc(s->n, sizeof(*own->peers));
		if (!own->peers)
			return -ENOMEM;
		for (size_t j = 0; j < s->n; j++) {
			if (j == i || !common[i * s->n + j])
				continue;
			struct saving_peer *peer = &own->peers[own->n_peers++];
			peer->bytes = common[i * s->n + j];
			peer->name = strdup(s->all[j].name);
			if (!peer->name)
				return -ENOMEM;
		}
		qsort(own->peers, own->n_peers, sizeof(*own->peers), by_bytes);
	}
	return 0;
}

/* By another of its names, before: an image shares nothing with itself. */
static bool is_there(const struct image_list *list, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (str_equal(list->records[j].config, list->records[i].config))
			return true;
	return false;
}

static int read_images(const struct store *store, const struct image_list *list, struct savings *s,
	struct units *u, struct err *e)
{
	s->all = calloc(list->n + 1, sizeof(*s->all));
	if (!s->all)
		return err_set(e, ENOMEM, "list what images share");
	for (size_t i = 0; i < list->n; i++) {
		const struct image_record *record = &list->records[i];
		if (is_there(list, i))
			continue;
		s->all[s->n].name = strdup(record->ref);
		if (!s->all[s->n++].name)
			return err_set(e, ENOMEM, "list what images share");
		for (size_t j = 0; j < record->n_layers; j++) {
			int r = add_layer(store, record->layers[j], (uint32_t)s->n - 1, u, e);
			if (r < 0)
				return err_while(e, "image '%s'", record->ref);
		}
	}
	sort(u);
	return 0;
}

int savings_read(const struct store *store, struct savings *ret, struct err *e)
{
	automatic(image_list) struct image_list list = { 0 };
	automatic(savings) struct savings s = { 0 };
	automatic(units) struct units u = { 0 };
	autofd int lock = -1;

	int r = store_lock(store, STORE_SHARED, &lock, e);
	if (r == 0)
		r = image_list(store, &list, e);
	if (r == 0)
		r = read_images(store, &list, &s, &u, e);
	if (r < 0)
		return r;
	autofree uint64_t *common = calloc(s.n * s.n + 1, sizeof(*common));
	if (!common)
		return err_set(e, ENOMEM, "list what images share");
	add_up(&u, &s, common);
	r = name_peers(&s, common);
	if (r < 0)
		return err_set(e, -r, "list what images share");
	*ret = s;
	s = (struct savings){ 0 };
	return 0;
}

void savings_done(struct savings *s)
{
	for (size_t i = 0; i < s->n; i++) {
		for (size_t j = 0; j < s->all[i].n_peers; j++)
			free(s->all[i].peers[j].name);
		free(s->all[i].peers);
		free(s->all[i].name);
	}
	free(s->all);
	*s = (struct savings){ 0 };
}
