/*
 * Removal of images, and of layers and blobs that nobody uses any more.
 *
 * Mark and sweep under the exclusive lock: images name a manifest, a config and layers; containers
 * name layers and a config; a config names all layers of its image, also those that no mount needs
 * because one above hides them. Where one of these cannot be read nothing is removed, since it
 * could name anything.
 * A layer that an import has published while its image is not yet there may go as well: the import
 * looks again when it publishes the image, under the lock, and unpacks it anew.
 */
#include "overlay/garbage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "overlay/base.h"
#include "overlay/claim.h"
#include "overlay/image.h"
#include "overlay/layer.h"
#include "overlay/objects.h"
#include "overlay/trash.h"
#include "overlay/work.h"

/* The digests in use, by their digits; sorted once all are there. */
struct marks {
	char (*hex)[DIGEST_HEX + 1];
	size_t n, room;
};

static void marks_done(struct marks *m)
{
	free(m->hex);
}
DEFINE_AUTO(marks, marks_done)

static int mark(struct marks *m, const char *digest, struct err *e)
{
	if (!digest_check(digest))
		return 0;
	if (m->n == m->room) {
		size_t room = m->room ? 2 * m->room : 64;
		void *more = reallocarray(m->hex, room, sizeof(*m->hex));
		if (!more)
			return err_set(e, ENOMEM, "list what is in use");
		m->hex = more;
		m->room = room;
	}
	memcpy(m->hex[m->n++], digest_hex(digest), DIGEST_HEX + 1);
	return 0;
}

static int mark_layers(struct marks *m, char *const *layers, size_t n, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = mark(m, layers[i], e);
	return r;
}

static int compare_hex(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_HEX);
}

static bool is_marked(const struct marks *m, const char *hex)
{
	return strlen(hex) != DIGEST_HEX ||
	       (m->n && bsearch(hex, m->hex, m->n, sizeof(*m->hex), compare_hex));
}

/*
 * The layers that the image's config names. An opaque root hides those below it, which no mount has
 * then; the image cannot go out of the store without them. A config that cannot be read marks none:
 * what the image is mounted of is in its record.
 */
static int mark_config(
	const struct store *store, struct marks *m, const char *digest, struct err *e)
{
	automatic(image_config) struct image_config config = { 0 };
	struct err ignored;

	if (!digest_check(digest) || image_read_config(store, digest, &config, &ignored) < 0)
		return 0;
	return mark_layers(m, config.diff_ids, config.n_diff_ids, e);
}

static int mark_images(
	const struct store *store, const char *except, struct marks *m, struct err *e)
{
	automatic(image_list) struct image_list list = { 0 };

	int r = image_list(store, &list, e);
	if (r == 0 && list.n_damaged)
		return err_say(e, ERR_DAMAGED,
			"remove unused layers: a damaged image record could name any of them");
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		const struct image_record *record = &list.records[i];
		if (str_equal(record->ref, except))
			continue;
		r = mark_layers(m, record->layers, record->n_layers, e);
		if (r == 0)
			r = mark(m, record->manifest, e);
		if (r == 0)
			r = mark(m, record->config, e);
		if (r == 0)
			r = mark_config(store, m, record->config, e);
	}
	return r;
}

/*
 * Calls `visit` for each name in a room of the store but for dot files, until one fails.
 */
static int each_name(const struct store *store, const char *room,
	int (*visit)(
		const struct store *store, int dir, const char *name, void *data, struct err *e),
	void *data, struct err *e)
{
	int fd = openat(store->dir, room, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int r = 0;

	if (!dir) {
		r = err_set(e, errno, "open '%s' in store '%s'", room, store->path);
		own_close(&fd);
		return r;
	}
	for (struct dirent *d; r == 0 && (d = readdir(dir));)
		if (d->d_name[0] != '.')
			r = visit(store, fd, d->d_name, data, e);
	closedir(dir);
	return r;
}

/* A container whose making was killed has no claim yet, and so no layer in use. */
static int mark_container(
	const struct store *store, int dir, const char *id, void *data, struct err *e)
{
	automatic(claim) struct claim claim = { 0 };

	autofd int container = openat(dir, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = container < 0 ? -errno : claim_read(container, &claim, e);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_while(e, "container '%s'", id);
	r = mark_layers(data, claim.layers, claim.n_layers, e);
	if (r == 0)
		r = mark(data, claim.image_id, e);
	return r < 0 ? r : mark_config(store, data, claim.image_id, e);
}

/* What is in use, but for what the image `except` alone uses (NULL: no exception). */
static int mark_all(const struct store *store, const char *except, struct marks *m, struct err *e)
{
	int r = mark_images(store, except, m, e);

	if (r == 0)
		r = each_name(store, "containers", mark_container, m, e);
	if (r == 0 && m->n)
		qsort(m->hex, m->n, sizeof(*m->hex), compare_hex);
	return r;
}

/* --- sweeping -----------------------------------------------------------------------------------
 */

struct sweep {
	const struct marks *marks;
	struct broom broom;
	uint64_t unpacked; /* bytes of layers that went, as their descriptions have it */
};

static bool is_hex_marked(void *data, const char *hex)
{
	const struct sweep *sweep = data;

	return is_marked(sweep->marks, hex);
}

static bool is_layer_marked(void *data, const char *diff_id)
{
	return is_hex_marked(data, digest_hex(diff_id));
}

static int sweep_layer(
	const struct store *store, int dir, const char *hex, void *data, struct err *e)
{
	struct sweep *sweep = data;
	automatic(layer_meta) struct layer_meta meta = { 0 };
	char digest[DIGEST_LENGTH + 1] = DIGEST_PREFIX;
	struct err ignored;

	if (is_marked(sweep->marks, hex))
		return 0;
	memcpy(digest + sizeof(DIGEST_PREFIX) - 1, hex, DIGEST_HEX + 1);
	if (digest_check(digest) && layer_read(store, digest, &meta, &ignored) == 0)
		sweep->unpacked += meta.size;
	return broom_take(&sweep->broom, dir, hex, e);
}

static int sweep_blob(
	const struct store *store, int dir, const char *hex, void *data, struct err *e)
{
	struct sweep *sweep = data;

	(void)store;
	return is_marked(sweep->marks, hex) ? 0 : broom_take(&sweep->broom, dir, hex, e);
}

static int sweep_layers(struct sweep *s, struct err *e)
{
	return each_name(s->broom.store, "layers", sweep_layer, s, e);
}

static int sweep_objects(struct sweep *s, struct err *e)
{
	s->broom.measures = true; /* single files: that costs little */
	return objects_sweep(&s->broom, is_hex_marked, s, e);
}

static int sweep_bases(struct sweep *s, struct err *e)
{
	return base_sweep(&s->broom, is_layer_marked, s, e);
}

static int sweep_blobs(struct sweep *s, struct err *e)
{
	return each_name(s->broom.store, "blobs/sha256", sweep_blob, s, e);
}

/* Small files are written under the shared lock: under ours, nobody writes those that are there. */
static int sweep_half_written(struct sweep *s, const char *room, struct err *e)
{
	int fd = openat(s->broom.store->dir, room, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int r = 0;

	if (!dir) {
		r = err_set(e, errno, "open '%s' in store '%s'", room, s->broom.store->path);
		own_close(&fd);
		return r;
	}
	for (struct dirent *d; r == 0 && (d = readdir(dir));)
		if (d->d_name[0] == '.' && d->d_name[1] && strcmp(d->d_name, "..") != 0)
			r = broom_take(&s->broom, fd, d->d_name, e);
	closedir(dir);
	return r;
}

static int sweep_work(struct sweep *s, struct err *e)
{
	int r = sweep_half_written(s, "images", e);

	if (r == 0)
		r = sweep_half_written(s, "blobs/sha256", e);
	if (r == 0)
		r = work_sweep_downloads(&s->broom, e);
	return r < 0 ? r : work_sweep_dead(&s->broom, e);
}

/* In this order: what a kind needs to be known of another is still there. */
static const struct {
	const char *name;
	int (*sweep)(struct sweep *s, struct err *e);
	bool asked; /* not at each removal of an image, but where all garbage is to go */
} kinds[] = {
	[GARBAGE_LAYERS] = { "layers", sweep_layers, false },
	[GARBAGE_OBJECTS] = { "objects", sweep_objects, false },
	[GARBAGE_BASES] = { "bases", sweep_bases, false },
	[GARBAGE_BLOBS] = { "blobs", sweep_blobs, false },
	[GARBAGE_WORK] = { "work", sweep_work, true },
};

const char *garbage_name(enum garbage_kind kind)
{
	return kinds[kind].name;
}

enum how { AT_REMOVAL, ALL, DRY };

static int sweep_all(const struct store *store, const struct marks *marks, enum how how,
	struct garbage *ret, uint64_t *ret_unpacked, struct err *e)
{
	struct garbage garbage = { 0 };
	int r = 0;

	*ret_unpacked = 0;
	for (size_t i = 0; r == 0 && i < GARBAGE_KINDS; i++) {
		struct sweep s = { .marks = marks,
			.broom = { .store = store,
				.measures = how != AT_REMOVAL,
				.dry = how == DRY } };
		if (kinds[i].asked && how == AT_REMOVAL)
			continue;
		r = kinds[i].sweep(&s, e);
		garbage.of[i].n = s.broom.n;
		garbage.of[i].bytes = s.broom.bytes;
		*ret_unpacked += s.unpacked;
	}
	*ret = garbage;
	return r;
}

int garbage_collect(const struct store *store, bool dry, struct garbage *ret, struct err *e)
{
	automatic(marks) struct marks marks = { 0 };
	struct garbage garbage;
	uint64_t unpacked;
	autofd int lock = -1;

	int r = store_lock(store, STORE_EXCLUSIVE, &lock, e);
	if (r == 0)
		r = mark_all(store, NULL, &marks, e);
	if (r == 0)
		r = sweep_all(store, &marks, dry ? DRY : ALL, &garbage, &unpacked, e);
	if (r < 0)
		return r;
	own_close(&lock);
	lock = -1;
	r = dry ? 0 : trash_empty(store, e);
	if (r == 0)
		*ret = garbage;
	return r;
}

/* --- images -------------------------------------------------------------------------------------
 */

static int sweep_for_image(const struct store *store, const struct marks *marks,
	struct image_removal *removal, struct err *e)
{
	struct garbage garbage;
	int r = sweep_all(store, marks, AT_REMOVAL, &garbage, &removal->size, e);

	removal->n_layers = garbage.of[GARBAGE_LAYERS].n;
	removal->objects_size = garbage.of[GARBAGE_OBJECTS].bytes;
	return r;
}

/*
 * Under the exclusive lock. The name goes before what it names; a damaged record even before the
 * marking, which it would stop.
 */
static int forget_and_sweep(const struct store *store, const char *name, bool damaged,
	struct image_removal *removal, struct err *e)
{
	automatic(marks) struct marks marks = { 0 };

	int r = damaged ? image_forget(store, name, e) : 0;
	if (r == 0)
		r = mark_all(store, name, &marks, e);
	if (r == 0 && !damaged)
		r = image_forget(store, name, e);
	return r < 0 ? r : sweep_for_image(store, &marks, removal, e);
}

/* A record that cannot be read is removed by its whole name. */
static int resolve(const struct store *store, const char *ref, char **ret_name, bool *ret_damaged,
	struct err *e)
{
	automatic(image_record) struct image_record record = { 0 };

	int r = image_find_record(store, ref, &record, e);
	if (r == -ERR_NO_IMAGE)
		return r;
	*ret_damaged = r < 0;
	if (r < 0)
		return image_name(ref, ret_name, e);
	*ret_name = take(record.ref);
	return 0;
}

int image_remove(
	const struct store *store, const char *ref, struct image_removal *ret, struct err *e)
{
	struct image_removal removal = { 0 };
	autofree char *name = NULL;
	autofd int lock = -1;
	bool damaged;

	int r = store_lock(store, STORE_EXCLUSIVE, &lock, e);
	if (r == 0)
		r = resolve(store, ref, &name, &damaged, e);
	if (r == 0)
		r = forget_and_sweep(store, name, damaged, &removal, e);
	if (r < 0)
		return r;
	own_close(&lock);
	lock = -1;
	r = trash_empty(store, e);
	if (r < 0)
		return r;
	removal.name = take(name);
	*ret = removal;
	return 0;
}

int image_prune(const struct store *store, struct image_removal *ret, struct err *e)
{
	automatic(marks) struct marks marks = { 0 };
	struct image_removal removal = { 0 };
	autofd int lock = -1;

	int r = store_lock(store, STORE_EXCLUSIVE, &lock, e);
	if (r == 0)
		r = mark_all(store, NULL, &marks, e);
	if (r == 0)
		r = sweep_for_image(store, &marks, &removal, e);
	if (r < 0)
		return r;
	own_close(&lock);
	lock = -1;
	r = trash_empty(store, e);
	if (r == 0)
		*ret = removal;
	return r;
}

void image_removal_done(struct image_removal *removal)
{
	free(removal->name);
	*removal = (struct image_removal){ 0 };
}
