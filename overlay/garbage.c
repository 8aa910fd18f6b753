/*
 * Removal of images, and of layers and blobs that nobody uses any more.
 *
 * Mark and sweep under the exclusive lock: images name a manifest, a config and layers; containers
 * name layers and a config; a config names all layers of its image, also those that no mount needs
 * because one above hides them. Where one of these cannot be read nothing is removed, since it could name anything.
 * A layer that an import has published while its image is not yet there may go as well: the import
 * looks again when it publishes the image, under the lock, and unpacks it anew.
 */
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

struct sweep {
	const struct marks *marks;
	struct image_removal *removal;
};

static int sweep_layer(
	const struct store *store, int dir, const char *hex, void *data, struct err *e)
{
	const struct sweep *sweep = data;
	automatic(layer_meta) struct layer_meta meta = { 0 };
	char digest[DIGEST_LENGTH + 1] = DIGEST_PREFIX;
	struct err ignored;

	if (is_marked(sweep->marks, hex))
		return 0;
	memcpy(digest + sizeof(DIGEST_PREFIX) - 1, hex, DIGEST_HEX + 1);
	if (digest_check(digest) && layer_read(store, digest, &meta, &ignored) == 0)
		sweep->removal->size += meta.size;
	sweep->removal->n_layers++;
	return trash_put(store, dir, hex, e);
}

static bool is_layer_marked(void *data, const char *diff_id)
{
	const struct sweep *sweep = data;

	return is_marked(sweep->marks, digest_hex(diff_id));
}

static int sweep_blob(
	const struct store *store, int dir, const char *hex, void *data, struct err *e)
{
	const struct sweep *sweep = data;

	return is_marked(sweep->marks, hex) ? 0 : trash_put(store, dir, hex, e);
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

static int sweep_all(const struct store *store, const struct marks *marks,
	struct image_removal *removal, struct err *e)
{
	struct sweep sweep = { .marks = marks, .removal = removal };

	int r = each_name(store, "layers", sweep_layer, &sweep, e);
	if (r == 0)
		r = objects_sweep(store, &removal->objects_size, e);
	if (r == 0)
		r = base_sweep(store, is_layer_marked, &sweep, e);
	return r < 0 ? r : each_name(store, "blobs/sha256", sweep_blob, &sweep, e);
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
	return r < 0 ? r : sweep_all(store, &marks, removal, e);
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
		r = sweep_all(store, &marks, &removal, e);
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
