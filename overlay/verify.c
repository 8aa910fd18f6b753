/*
 * The store held against what it once took in.
 *
 * Images first, then documents, objects and layers, each once; which ones, the images that were
 * named say, or the store's rooms. An image's line says what it has lost, the other lines why.
 */
#include "overlay/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "overlay/base.h"
#include "overlay/blob.h"
#include "overlay/claim.h"
#include "overlay/image.h"
#include "overlay/layer.h"
#include "overlay/sharing.h"
#include "overlay/trash.h"
#include "overlay/verify_layer.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct verify {
	const struct store *store;
	const struct verify_options *options;
	struct verify_result *result;
	struct text_list layers, documents;  /* what is to be looked at; sorted later */
	struct object_list checked, damaged; /* sorted */
	const char *layer;		     /* at which it is */
	bool layer_is_damaged;
	bool quiet; /* it is looked at once more, and all is told */
};

static void verify_done(struct verify *v)
{
	text_list_done(&v->layers);
	text_list_done(&v->documents);
	object_list_done(&v->checked);
	object_list_done(&v->damaged);
}
DEFINE_AUTO(verify, verify_done)

void verify_result_done(struct verify_result *result)
{
	text_list_done(&result->damaged_layers);
	text_list_done(&result->damaged_documents);
	text_list_done(&result->made_here);
}

static void tell(struct verify *v, enum finding_kind kind, const char *name, const char *path,
	const char *what)
{
	const struct finding finding = { kind, name, path, what };

	if (v->quiet)
		return;
	v->result->findings += kind < FINDING_LEFT;
	v->options->tell(v->options->to, &finding);
}

/* Calls `visit` for each name in a room but dot files, until one fails. */
static int each_name(struct verify *v, const char *room,
	int (*visit)(struct verify *v, int dir, const char *name), struct err *e)
{
	int fd = openat(v->store->dir, room, DIR_FLAGS), r = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir) {
		r = err_set(e, errno, "open '%s' in store '%s'", room, v->store->path);
		own_close(&fd);
		return r;
	}
	for (struct dirent *d; r == 0 && (d = readdir(dir));)
		if (d->d_name[0] != '.')
			r = visit(v, fd, d->d_name);
	closedir(dir);
	return r < 0 ? err_set(e, -r, "look through '%s' of store '%s'", room, v->store->path) : 0;
}

/* --- images ----------------------------------------------------------------------------------- */

static int add_layers(struct verify *v, const char *ref, char *const *layers, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		char text[DIGEST_LENGTH + 32];
		snprintf(text, sizeof(text), "its layer %s is missing", layers[i]);
		if (layer_exists(v->store, layers[i]))
			r = text_list_add(&v->layers, layers[i]);
		else
			tell(v, FINDING_IMAGE, ref, NULL, text);
	}
	return r;
}

static int check_document(struct verify *v, const char *ref, const char *digest)
{
	autofree char *data = NULL;
	struct err e = { 0 };
	size_t n;

	int r = blob_get(v->store, digest, IMAGE_CONFIG_MAX, &data, &n, &e);
	if (r == 0)
		return text_list_add(&v->documents, digest);
	char text[DIGEST_LENGTH + 40];
	snprintf(text, sizeof(text), "its document %s is %s", digest,
		r == -ENOENT ? "missing" : "damaged");
	tell(v, FINDING_IMAGE, ref, NULL, text);
	return r == -ENOENT ? 0 : text_list_add(&v->documents, digest);
}

static bool is_among(const char *layer, char *const *layers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(layers[i], layer) == 0)
			return true;
	return false;
}

/* What the config names and no mount has, since it is hidden; and what mounts have and it does not. */
static int add_others(
	struct verify *v, const struct image_record *record, const struct image_config *config)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->n_diff_ids; i++)
		if (!is_among(config->diff_ids[i], record->layers, record->n_layers))
			r = add_layers(v, record->ref, &config->diff_ids[i], 1);
	for (size_t i = 0; r == 0 && i < record->n_layers; i++)
		if (!is_among(record->layers[i], config->diff_ids, config->n_diff_ids))
			r = text_list_add(&v->result->made_here, record->layers[i]);
	return r;
}

static int check_image(struct verify *v, const struct image_record *record)
{
	automatic(image_config) struct image_config config = { 0 };
	struct err ignored;

	v->result->images++;
	int r = check_document(v, record->ref, record->config);
	if (r == 0 && record->manifest)
		r = check_document(v, record->ref, record->manifest);
	if (r == 0)
		r = add_layers(v, record->ref, record->layers, record->n_layers);
	if (r == 0 && image_read_config(v->store, record->config, &config, &ignored) == 0)
		r = add_others(v, record, &config);
	return r;
}

static int check_images(struct verify *v, struct err *e)
{
	automatic(image_list) struct image_list list = { 0 };
	char text[60];

	for (size_t i = 0; i < v->options->n_refs; i++) {
		automatic(image_record) struct image_record record = { 0 };
		int r = image_find_record(v->store, v->options->refs[i], &record, e);
		if (r < 0)
			return r;
		r = check_image(v, &record);
		if (r < 0)
			return err_set(e, -r, "look at image '%s'", record.ref);
	}
	if (v->options->n_refs)
		return 0;
	int r = image_list(v->store, &list, e);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "%zu records of images cannot be read", list.n_damaged);
	if (list.n_damaged)
		tell(v, FINDING_IMAGE, "*", NULL, text);
	for (size_t i = 0; i < list.n; i++) {
		r = check_image(v, &list.records[i]);
		if (r < 0)
			return err_set(e, -r, "look at image '%s'", list.records[i].ref);
	}
	return 0;
}

/* --- documents -------------------------------------------------------------------------------- */

static int note_digest(struct text_list *list, const char *hex)
{
	char digest[DIGEST_LENGTH + 1];

	int n = snprintf(digest, sizeof(digest), DIGEST_PREFIX "%s", hex);
	return n == (int)DIGEST_LENGTH && digest_check(digest) ? text_list_add(list, digest)
							       : -EINVAL;
}

static int note_document(struct verify *v, int dir, const char *name)
{
	(void)dir;
	int r = note_digest(&v->documents, name);
	if (r == -EINVAL)
		tell(v, FINDING_LEFT, name, NULL, "it is no document");
	return r == -EINVAL ? 0 : r;
}

static int check_documents(struct verify *v, struct err *e)
{
	int r = v->options->n_refs ? 0 : each_name(v, "blobs/sha256", note_document, e);

	text_list_sort(&v->documents);
	for (size_t i = 0; r == 0 && i < v->documents.n; i++) {
		autofree char *data = NULL;
		struct err why = { 0 };
		size_t n;
		v->result->documents++;
		if (blob_get(v->store, v->documents.v[i], IMAGE_CONFIG_MAX, &data, &n, &why) == 0)
			continue;
		tell(v, FINDING_DOCUMENT, v->documents.v[i], NULL, why.text);
		if (text_list_add(&v->result->damaged_documents, v->documents.v[i]) < 0)
			r = err_set(e, ENOMEM, "look at documents");
	}
	return r;
}

/* --- layers ----------------------------------------------------------------------------------- */

static void tell_layer(void *to, const char *path, const char *what)
{
	struct verify *v = to;

	v->layer_is_damaged = true;
	tell(v, FINDING_LAYER, v->layer, path, what);
}

static void tell_note(void *to, const char *what)
{
	struct verify *v = to;

	tell(v, FINDING_NOTE, v->layer, NULL, what);
}

static int note_layer(struct verify *v, int dir, const char *name)
{
	(void)dir;
	int r = note_digest(&v->layers, name);
	if (r == -EINVAL)
		tell(v, FINDING_LEFT, name, NULL, "it is no layer");
	return r == -EINVAL ? 0 : r;
}

/* Each object once; the damaged ones are remembered. -errno. */
static int check_objects(struct verify *v, const struct object_list *listed)
{
	autofd int objects = objects_open(v->store);
	size_t before = v->checked.n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < listed->n; i++) {
		const struct object_name *name = &listed->names[i];
		struct object_list sorted = { v->checked.names, before, before };
		if (object_list_has(&sorted, name->text))
			continue;
		if (v->options->cancelled && *v->options->cancelled)
			return -ECANCELED;
		v->result->objects++;
		autofd int fd = objects < 0 ? objects : object_open(objects, name);
		r = fd < 0 ? fd : sharing_verify(fd, name);
		if (r == -ENOMEM)
			return r;
		r = r < 0 ? object_list_add(&v->damaged, name) : 0;
		if (r == 0)
			r = object_list_add(&v->checked, name);
	}
	object_list_sort(&v->checked);
	object_list_sort(&v->damaged);
	return r;
}

static int read_objects(struct verify *v, struct object_list *ret, struct err *e)
{
	struct err why = { 0 };
	autofree char *path = str_format("layers/%s", digest_hex(v->layer));
	autofd int dir = path ? openat(v->store->dir, path, DIR_FLAGS) : -1;

	if (dir < 0)
		return err_set(e, path ? errno : ENOMEM, "open layer '%s'", v->layer);
	if (objects_read(dir, ret, &why) < 0)
		tell_layer(v, NULL, why.text);
	object_list_sort(ret);
	int r = check_objects(v, ret);
	return r < 0 ? err_set(e, -r, "look at the objects of layer '%s'", v->layer) : 0;
}

static void check_meta(struct verify *v)
{
	automatic(layer_meta) struct layer_meta meta = { 0 };
	struct err why = { 0 };

	if (layer_read(v->store, v->layer, &meta, &why) < 0)
		tell_layer(v, NULL, why.text);
	else if (strcmp(meta.diff_id, v->layer) != 0)
		tell_layer(v, NULL, "its meta.json is another layer's");
}

static int check_layer(struct verify *v, struct err *e)
{
	automatic(object_list) struct object_list listed = { 0 };

	v->result->layers++;
	v->layer_is_damaged = false;
	check_meta(v);
	int r = read_objects(v, &listed, e);
	if (r < 0)
		return r;
	const struct layer_check check = { .store = v->store,
		.digest = v->layer,
		.damaged = &v->damaged,
		.listed = &listed,
		.made_here = text_list_has(&v->result->made_here, v->layer),
		.tell = tell_layer,
		.note = tell_note,
		.to = v,
		.cancelled = v->options->cancelled };
	r = verify_layer(&check, e);
	if (r == 0 && v->layer_is_damaged &&
		text_list_add(&v->result->damaged_layers, v->layer) < 0)
		r = err_set(e, ENOMEM, "look at layers");
	return r < 0 ? err_while(e, "layer '%s'", v->layer) : 0;
}

static int check_layers(struct verify *v, struct err *e)
{
	int r = v->options->n_refs ? 0 : each_name(v, "layers", note_layer, e);

	text_list_sort(&v->layers);
	for (size_t i = 0; r == 0 && i < v->layers.n; i++) {
		v->layer = v->layers.v[i];
		r = check_layer(v, e);
	}
	return r;
}

/* --- what the dead have left ------------------------------------------------------------------- */

/* Who works there holds its lock; ours is given back at once. */
static int note_left(struct verify *v, int dir, const char *name)
{
	autofd int work = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (work >= 0 && flock(work, LOCK_SH | LOCK_NB) == 0)
		tell(v, FINDING_LEFT, name, NULL, "left unfinished by one that was killed");
	return 0;
}

static int note_trash(struct verify *v, int dir, const char *name)
{
	(void)dir;
	tell(v, FINDING_LEFT, name, NULL, "not yet deleted");
	return 0;
}

static int note_base(struct verify *v, int dir, const char *name)
{
	(void)dir;
	tell(v, FINDING_NOTE, name, NULL, "a base of snapshots, which is not looked into");
	return 0;
}

static int note_bases(struct verify *v, struct err *e)
{
	struct stat st;

	/* It is there as soon as a way of files needs it. */
	if (v->options->n_refs || fstatat(v->store->dir, "bases", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return each_name(v, "bases", note_base, e);
}

int verify_store(const struct store *store, const struct verify_options *options,
	struct verify_result *ret, struct err *e)
{
	automatic(verify_result) struct verify_result result = { 0 };
	automatic(
		verify) struct verify v = { .store = store, .options = options, .result = &result };
	autofd int lock = -1;

	int r = store_lock(store, STORE_SHARED, &lock, e);
	if (r == 0 && !options->n_refs)
		r = each_name(&v, "tmp", note_left, e);
	if (r == 0 && !options->n_refs)
		r = each_name(&v, "trash", note_trash, e);
	if (r == 0)
		r = check_images(&v, e);
	if (r == 0)
		r = check_documents(&v, e);
	if (r == 0)
		r = check_layers(&v, e);
	if (r == 0)
		r = note_bases(&v, e);
	if (r < 0)
		return r;
	*ret = result;
	result = (struct verify_result){ 0 };
	return 0;
}

/* --- repair ----------------------------------------------------------------------------------- */

/* A container that cannot be read could use anything. */
static int note_claim(struct verify *v, int dir, const char *id)
{
	automatic(claim) struct claim claim = { 0 };
	struct err ignored;
	autofd int container = openat(dir, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	int r = container < 0 ? -errno : claim_read(container, &claim, &ignored);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; r == 0 && i < claim.n_layers; i++)
		r = text_list_add(&v->layers, claim.layers[i]);
	return r;
}

static int put_away(const struct store *store, const char *room, const char *digest, struct err *e)
{
	autofd int dir = openat(store->dir, room, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return err_set(e, errno, "open '%s' in store '%s'", room, store->path);
	return trash_put(store, dir, digest_hex(digest), e);
}

/* Once more, as it may have been removed meanwhile, and brought again. */
static int repair_layer(struct verify *v, struct err *e)
{
	if (!layer_exists(v->store, v->layer))
		return 0;
	v->quiet = true;
	int r = check_layer(v, e);
	v->quiet = false;
	return r == 0 && v->layer_is_damaged ? put_away(v->store, "layers", v->layer, e) : r;
}

static int repair_document(struct verify *v, const char *digest, struct err *e)
{
	autofree char *data = NULL;
	struct err ignored;
	size_t n;

	int r = blob_get(v->store, digest, IMAGE_CONFIG_MAX, &data, &n, &ignored);
	return r == 0 || r == -ENOENT ? 0 : put_away(v->store, "blobs/sha256", digest, e);
}

static bool is_there(void *data, const char *diff_id)
{
	const struct verify *v = data;

	return layer_exists(v->store, diff_id);
}

/* A base goes with its layers: it may be made of what was damaged in them. */
static int repair(struct verify *v, const struct verify_result *found, struct err *e)
{
	int r = each_name(v, "containers", note_claim, e);

	for (size_t i = 0; r == 0 && i < found->damaged_layers.n; i++) {
		v->layer = found->damaged_layers.v[i];
		if (text_list_has(&v->layers, v->layer))
			tell(v, FINDING_KEPT, v->layer, NULL, "it stays: a container uses it");
		else
			r = repair_layer(v, e);
	}
	for (size_t i = 0; r == 0 && i < found->damaged_documents.n; i++)
		r = repair_document(v, found->damaged_documents.v[i], e);
	struct broom broom = { .store = v->store };
	return r < 0 ? r : base_sweep(&broom, is_there, v, e);
}

int verify_repair(const struct store *store, const struct verify_options *options,
	const struct verify_result *result, struct err *e)
{
	automatic(verify_result) struct verify_result again = { 0 };
	automatic(
		verify) struct verify v = { .store = store, .options = options, .result = &again };
	autofd int lock = -1;
	struct broom broom = { .store = store };

	int r = store_lock(store, STORE_EXCLUSIVE, &lock, e);
	for (size_t i = 0; r == 0 && i < result->made_here.n; i++)
		if (text_list_add(&again.made_here, result->made_here.v[i]) < 0)
			r = err_set(e, ENOMEM, "look at layers");
	if (r == 0)
		r = repair(&v, result, e);
	if (r == 0)
		r = objects_sweep(&broom, NULL, NULL, e);
	own_close(&lock);
	lock = -1;
	return r < 0 ? r : trash_empty(store, e);
}
