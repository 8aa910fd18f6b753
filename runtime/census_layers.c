/*
 * How much of each layer is in memory.
 *
 * Store by store: the claims of its containers say which layers they have, its images which layers
 * there are. What is mapped is the census's files by their origins, what is resident a walk.
 */
#include "runtime/census_layers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/cache.h"
#include "overlay/files.h"
#include "overlay/image.h"
#include "overlay/layer.h"
#include "overlay/objects.h"
#include "overlay/stack.h"
#include "overlay/text_list.h"
#include "spec/base/str.h"

struct layers {
	struct census *census;
	const struct origins *origins;
	const struct record *const *records;
	size_t n_records, room;
	struct cache cache;
};

static struct opt_u64 known(uint64_t value)
{
	return (struct opt_u64){ true, value };
}

static int out_of_memory(struct err *e)
{
	return err_set(e, ENOMEM, "list layers");
}

/* A new row; NULL: out of memory. */
static struct census_layer *add_row(struct layers *l, const char *name, size_t length)
{
	struct census *c = l->census;

	if (c->n_layers == l->room) {
		size_t room = l->room ? 2 * l->room : 32;
		struct census_layer *more = reallocarray(c->layers, room, sizeof(*more));
		if (!more)
			return NULL;
		c->layers = more;
		l->room = room;
	}
	struct census_layer *row = &c->layers[c->n_layers];
	*row = (struct census_layer){ .name = strndup(name, length) };
	return row->name ? (c->n_layers++, row) : NULL;
}

/* --- a layer of a store ------------------------------------------------------------------------- */

/* What belongs to it, and is in memory. */
struct content {
	struct cache *cache;
	struct object_list objects; /* sorted */
	uint64_t resident;
};

static int add_file(void *data, int file, struct err *e)
{
	struct content *content = data;
	uint64_t resident = 0;
	int r = cache_resident(content->cache, file, &resident);

	content->resident += resident;
	return r < 0 ? err_set(e, -r, "look at the page cache of a layer") : 0;
}

static int add_objects(const struct store *store, struct content *content, struct err *e)
{
	autofd int objects = objects_open(store);
	int r = 0;

	for (size_t i = 0; r == 0 && i < content->objects.n; i++) {
		autofd int file = object_open(objects, &content->objects.names[i]);
		r = file < 0 ? 0 : add_file(content, file, e);
	}
	return r;
}

static int read_content(
	const struct store *store, const char *digest, struct content *content, struct err *e)
{
	static const struct files_options options = { 0 };
	char path[sizeof("layers/") + DIGEST_HEX];
	int files;

	snprintf(path, sizeof(path), "layers/%.64s", digest_hex(digest));
	int r = layer_open(store, digest, &files, e);
	if (r < 0)
		return r;
	r = files_walk(files, &options, add_file, content, e);
	own_close(&files);
	autofd int dir = openat(store->dir, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r == 0)
		r = objects_read(dir, &content->objects, e);
	object_list_sort(&content->objects);
	return r < 0 ? r : add_objects(store, content, e);
}

/* Whether that file is of the layer, by the layer's own name or by what is in it. */
static bool is_of(const struct origin *o, const char *digest, const struct content *content)
{
	if (o->kind != ORIGIN_LAYER || !o->ours)
		return false;
	return o->object.text[0] ? object_list_has(&content->objects, o->object.text)
				 : strcmp(o->layer, digest) == 0;
}

/* `users[i]`: usages[i] has that layer. What it maps of a file of it counts. */
static void add_mapped(const struct layers *l, struct census_layer *row,
	const struct content *content, const bool *users, bool *maps)
{
	for (size_t i = 0; i < l->origins->n; i++) {
		const struct census_file *file = &l->census->files[i];
		if (!is_of(&l->origins->v[i], row->digest, content))
			continue;
		row->mapped += file->unique;
		for (size_t p = 0; p < file->n_parts; p++) {
			size_t thing = file->parts[p].thing;
			if (thing >= l->n_records || !users[thing] || maps[thing])
				continue;
			maps[thing] = true;
			row->n_things++;
		}
	}
}

static int name_images(struct census_layer *row, const struct image_list *images, struct err *e)
{
	row->images = calloc(images->n + 1, sizeof(*row->images));
	if (!row->images)
		return out_of_memory(e);
	for (size_t i = 0; i < images->n; i++) {
		const struct image_record *image = &images->records[i];
		bool has = false;
		for (size_t n = 0; n < image->n_layers && !has; n++)
			has = strcmp(image->layers[n], row->digest) == 0;
		if (!has)
			continue;
		row->images[row->n_images] = strdup(image->ref);
		if (!row->images[row->n_images++])
			return out_of_memory(e);
	}
	return 0;
}

static int add_layer(struct layers *l, const struct store *store, const char *digest,
	const struct image_list *images, const bool *users, struct err *e)
{
	struct content content = { .cache = &l->cache };
	autofree bool *maps = calloc(l->n_records + 1, sizeof(*maps));
	struct census_layer *row = maps ? add_row(l, digest_hex(digest), ORIGIN_SHORT) : NULL;
	struct err ignored;

	if (row)
		row->digest = strdup(digest);
	if (!row || !row->digest)
		return out_of_memory(e);
	/* It may have been removed a moment ago, or be another user's: then that is not known. */
	if (read_content(store, digest, &content, &ignored) == 0)
		row->resident = known(content.resident);
	add_mapped(l, row, &content, users, maps);
	object_list_done(&content.objects);
	if (row->resident.set)
		row->unmapped = known(
			row->resident.value > row->mapped ? row->resident.value - row->mapped : 0);
	return name_images(row, images, e);
}

/* --- a store ------------------------------------------------------------------------------------ */

/* Its layers, and who has which: users[layer * n_records + thing]. */
struct users {
	struct text_list digests;
	bool *all;
};

static void users_done(struct users *u)
{
	text_list_done(&u->digests);
	free(u->all);
}
DEFINE_AUTO(users, users_done)

static bool is_in(const struct record *record, const struct store *store)
{
	return record && record->store && strcmp(record->store, store->path) == 0;
}

/* A container that is being removed has no claim any more. */
static int read_claims(const struct layers *l, const struct store *store, struct claim *claims,
	struct text_list *digests, struct err *e)
{
	struct err ignored;

	for (size_t i = 0; i < l->n_records; i++) {
		if (!is_in(l->records[i], store) ||
			stack_claim(store, l->records[i]->id, &claims[i], &ignored) < 0)
			continue;
		for (size_t n = 0; n < claims[i].n_layers; n++)
			if (text_list_add(digests, claims[i].layers[n]) < 0)
				return out_of_memory(e);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void mark(struct users *u, size_t n_records, size_t thing, const struct claim *claim)
{
	for (size_t n = 0; n < claim->n_layers; n++) {
		char **found = bsearch(&claim->layers[n], u->digests.v, u->digests.n,
			sizeof(*u->digests.v), compare);
		if (found)
			u->all[(size_t)(found - u->digests.v) * n_records + thing] = true;
	}
}

static int find_users(const struct layers *l, const struct store *store,
	const struct image_list *images, bool all, struct users *u, struct err *e)
{
	autofree struct claim *claims = calloc(l->n_records + 1, sizeof(*claims));
	int r = claims ? read_claims(l, store, claims, &u->digests, e) : out_of_memory(e);

	for (size_t i = 0; all && r == 0 && i < images->n; i++)
		for (size_t n = 0; r == 0 && n < images->records[i].n_layers; n++)
			if (text_list_add(&u->digests, images->records[i].layers[n]) < 0)
				r = out_of_memory(e);
	text_list_sort(&u->digests);
	u->all = calloc(u->digests.n * l->n_records + 1, sizeof(*u->all));
	if (!u->all && r == 0)
		r = out_of_memory(e);
	for (size_t i = 0; claims && i < l->n_records; i++) {
		if (r == 0)
			mark(u, l->n_records, i, &claims[i]);
		claim_done(&claims[i]);
	}
	return r;
}

static int add_store(struct layers *l, const char *path, bool all, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	automatic(image_list) struct image_list images = { 0 };
	automatic(users) struct users u = { 0 };
	autofd int lock = -1;
	int r = store_open(path, STORE_READ, &store, e);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = store_lock(&store, STORE_SHARED, &lock, e);
	if (r == 0)
		r = image_list(&store, &images, e);
	if (r == 0)
		r = find_users(l, &store, &images, all, &u, e);
	for (size_t i = 0; r == 0 && i < u.digests.n; i++)
		r = add_layer(l, &store, u.digests.v[i], &images, &u.all[i * l->n_records], e);
	return r;
}

/* Each store of a container once, and `store`. */
static int add_stores(struct layers *l, const char *store, struct err *e)
{
	automatic(text_list) struct text_list paths = { 0 };
	int r = store ? text_list_add(&paths, store) : 0;

	for (size_t i = 0; r == 0 && i < l->n_records; i++) {
		const struct record *record = l->records[i];
		if (record && record->store && !text_list_has(&paths, record->store))
			r = text_list_add(&paths, record->store);
	}
	if (r < 0)
		return out_of_memory(e);
	for (size_t i = 0; r == 0 && i < paths.n; i++)
		r = add_store(l, paths.v[i], store && strcmp(paths.v[i], store) == 0, e);
	return r;
}

/* --- what is of no layer of ours ---------------------------------------------------------------- */

static struct census_layer *row_of(struct layers *l, const char *name, size_t first)
{
	for (size_t i = first; i < l->census->n_layers; i++)
		if (strcmp(l->census->layers[i].name, name) == 0)
			return &l->census->layers[i];
	return add_row(l, name, strlen(name));
}

/* The row of a file that is of no layer of ours; NULL: it is, or we are out of memory. */
static struct census_layer *other_row(struct layers *l, size_t file, size_t first)
{
	const struct origin *o = &l->origins->v[file];
	const char *name = l->census->files[file].layer;

	return o->kind == ORIGIN_LAYER && o->ours ? NULL : row_of(l, name ? name : "?", first);
}

static int add_others(struct layers *l, struct err *e)
{
	struct census *c = l->census;
	size_t first = c->n_layers;

	for (size_t i = 0; i < c->n_files; i++) {
		struct census_layer *row = other_row(l, i, first);
		if (row)
			row->mapped += c->files[i].unique;
	}
	/* Each thing once in each row. */
	autofree bool *maps = calloc((c->n_layers - first) * c->n_usages + 1, sizeof(*maps));
	if (!maps)
		return out_of_memory(e);
	for (size_t i = 0; i < c->n_files; i++) {
		struct census_layer *row = other_row(l, i, first);
		for (size_t p = 0; row && p < c->files[i].n_parts; p++) {
			size_t at = (size_t)(row - c->layers) - first;
			bool *counted = &maps[at * c->n_usages + c->files[i].parts[p].thing];
			row->n_things += !*counted;
			*counted = true;
		}
	}
	return 0;
}

/* Of own files what nobody maps is known already, where it is known of all. */
static int add_own(struct layers *l, struct err *e)
{
	uint64_t unmapped = 0;
	bool all = true;

	for (size_t i = 0; i < l->census->n_usages; i++) {
		const struct memory_usage *u = &l->census->usages[i];
		unmapped += u->private_cache.value;
		all = all && (u->private_cache.set || u->is_host);
	}
	struct census_layer *row = all ? row_of(l, "own", 0) : NULL;
	if (!row)
		return all ? out_of_memory(e) : 0;
	row->unmapped = known(unmapped);
	row->resident = known(row->mapped + unmapped);
	return 0;
}

/* --- all ---------------------------------------------------------------------------------------- */

static uint64_t weight_of(const struct census_layer *row)
{
	return row->resident.set && row->resident.value > row->mapped ? row->resident.value
								      : row->mapped;
}

static int most_first(const void *a, const void *b)
{
	const struct census_layer *x = a, *y = b;
	uint64_t m = weight_of(x), n = weight_of(y);

	return m == n ? strcmp(x->name, y->name) : (m < n) - (m > n);
}

/* Rows of nothing. */
static void drop_empty(struct census *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->n_layers; i++)
		if (weight_of(&c->layers[i]) || !c->layers[i].resident.set)
			c->layers[kept++] = c->layers[i];
		else
			census_layer_done(&c->layers[i]);
	c->n_layers = kept;
}

int census_layers_fill(struct census *c, const struct origins *origins,
	const struct record *const *records, size_t n, const char *store, struct err *e)
{
	autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct layers l = { .census = c, .origins = origins, .records = records, .n_records = n };

	cache_init(&l.cache, proc);
	int r = add_stores(&l, store, e);
	if (r == 0)
		r = add_others(&l, e);
	if (r == 0)
		r = add_own(&l, e);
	drop_empty(c);
	if (c->n_layers)
		qsort(c->layers, c->n_layers, sizeof(*c->layers), most_first);
	cache_done(&l.cache);
	return r;
}
