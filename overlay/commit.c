/* A container's changes as an image. */
#include "overlay/commit.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "overlay/blob.h"
#include "overlay/ingest.h"
#include "overlay/layer.h"
#include "overlay/package.h"
#include "overlay/parents.h"
#include "overlay/work.h"
#include "spec/image_change.h"

#define TRIES_MAX 3 /* when a removal takes the layer away before it is named */

static int no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "write the image's config");
}

static int too_many(size_t n, struct err *e)
{
	return err_say(e, EFBIG, "it has %zu layers, and more than %d cannot be mounted", n,
		IMAGE_LAYERS_MAX);
}

/* The config of the image that the container was made of; its name may be another's by now. */
static int read_base(const struct store *store, const struct claim *base, struct image_config *ret,
	struct err *e)
{
	autofree char *text = NULL;
	size_t len;

	if (!base->image_id || !digest_check(base->image_id))
		return err_say(e, ERR_DAMAGED, "of which image the container is, is not known");
	int r = blob_get(store, base->image_id, IMAGE_CONFIG_MAX, &text, &len, e);
	if (r == -ENOENT)
		return err_say(e, ENOENT,
			"the config '%s' of its image is not in the store any more",
			base->image_id);
	return r < 0 ? r : image_config_parse(base->image_id, text, len, ret, e);
}

static int change_config(struct image_config *config, const struct commit_options *o, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->n_changes; i++)
		r = image_change(o->changes[i], &config->config, e);
	return r;
}

/* NULL stays NULL. */
static int copy_text(const char *from, char **ret)
{
	*ret = from ? strdup(from) : NULL;
	return from && !*ret ? -ENOMEM : 0;
}

/*
 * Layers that the image does not tell of are given a line each, so that ours is of ours. Before it
 * is among the layers.
 */
static int start_history(struct image_config *c)
{
	size_t told = 0;

	for (size_t i = 0; i < c->n_history; i++)
		told += !c->history[i].empty_layer;
	size_t untold = told < c->n_diff_ids ? c->n_diff_ids - told : 0;
	struct image_history *more =
		reallocarray(c->history, c->n_history + untold + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	c->history = more;
	for (; untold > 0; untold--) {
		struct image_history *h = &more[c->n_history++];
		*h = (struct image_history){ 0 };
		if (copy_text(c->created, &h->created) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_history(struct image_config *c, const struct commit_options *o, const char *by,
	const char *now, bool empty)
{
	if (start_history(c) < 0)
		return -ENOMEM;
	struct image_history *h = &c->history[c->n_history++];
	*h = (struct image_history){ .empty_layer = empty };
	if (copy_text(now, &h->created) < 0 || copy_text(by, &h->created_by) < 0 ||
		copy_text(o->author, &h->author) < 0 || copy_text(o->message, &h->comment) < 0)
		return -ENOMEM;
	free(c->created);
	if (copy_text(now, &c->created) < 0)
		return -ENOMEM;
	if (!o->author)
		return 0;
	free(c->author);
	return copy_text(o->author, &c->author);
}

static int add_layer(struct image_config *c, const char *diff_id)
{
	char **more = reallocarray(c->diff_ids, c->n_diff_ids + 2, sizeof(*more));

	if (!more)
		return -ENOMEM;
	c->diff_ids = more;
	if (copy_text(diff_id, &more[c->n_diff_ids]) < 0)
		return -ENOMEM;
	more[++c->n_diff_ids] = NULL;
	return 0;
}

/* --- the layer ----------------------------------------------------------------------------------
 */

static int take_in(const struct store *store, struct packer *packer, const struct commit_options *o,
	struct ingested *ret, struct err *e)
{
	const struct import_options options = { .cancelled = o->cancelled };
	automatic(input) struct input in = INPUT_NONE;
	int fd = packer->pipe;

	packer->pipe = -1;
	int r = input_open(fd, "the changes", NULL, UINT64_MAX, &options, &in, e);
	return r < 0 ? r : ingest_layer(store, &in, NULL, &options, ret, e);
}

/* 1 with the layer, 0 when nothing was changed. */
static int make_layer(const struct store *store, const struct changes *changes,
	const struct packer_hold *hold, const struct commit_options *o, struct ingested *ret,
	struct err *e)
{
	struct packer packer = PACKER_NONE;

	int r = packer_start(changes, hold, &packer, e);
	if (r < 0)
		return r;
	bool needed = packer.needed;
	if (needed)
		r = take_in(store, &packer, o, ret, e);
	r = packer_end(&packer, r, e);
	return r < 0 ? r : needed;
}

/* The layers of one commit, lowest first. */
struct made {
	struct ingested layers[2];
	size_t n;
};

/* The layer and its line of the history, which says so where there is none. */
static int add_changes(const struct store *store, const struct changes *changes,
	const struct packer_hold *hold, const char *by, const struct commit_options *o,
	struct image_config *config, struct made *made, struct err *e)
{
	struct time_text now = time_write(time(NULL));
	struct ingested *layer = &made->layers[made->n];

	int r = make_layer(store, changes, hold, o, layer, e);
	if (r < 0)
		return r;
	made->n += (size_t)r;
	if (add_history(config, o, by, now.text, r == 0) < 0 ||
		(r && add_layer(config, layer->diff_id.text) < 0))
		return no_memory(e);
	return 0;
}

static uint64_t size_of(const struct store *store, const struct image_config *config)
{
	uint64_t size = 0;

	for (size_t i = 0; i < config->n_diff_ids; i++) {
		automatic(layer_meta) struct layer_meta meta = { 0 };
		struct err ignored;
		if (layer_read(store, config->diff_ids[i], &meta, &ignored) == 0)
			size += meta.size;
	}
	return size;
}

/* --- the image ----------------------------------------------------------------------------------
 */

static int put_config(const struct store *store, const struct image_config *config,
	struct digest_text *ret, struct err *e)
{
	automatic(str) struct str text = { 0 };

	image_config_write(config, &text);
	if (!str_ok(&text))
		return no_memory(e);
	int r = digest_of(text.data, text.len, ret, e);
	return r < 0 ? r : blob_put(store, ret->text, text.data, text.len, e);
}

static bool is_made(const struct made *made, const char *diff_id)
{
	for (size_t i = 0; i < made->n; i++)
		if (strcmp(made->layers[i].diff_id.text, diff_id) == 0)
			return true;
	return false;
}

static bool has_layer(const struct claim *claim, const char *diff_id)
{
	for (size_t i = 0; i < claim->n_layers; i++)
		if (strcmp(claim->layers[i], diff_id) == 0)
			return true;
	return false;
}

/*
 * As for any image of these layers (overlay/parents.h). Of those that the container was not given,
 * since an opaque root hides them, the store may have none any more.
 */
static int stack_layers(const struct store *store, const struct claim *base,
	const struct image_config *config, const struct made *made, struct stacking *ret,
	struct err *e)
{
	size_t n = 0;

	autofree char **layers = calloc(config->n_diff_ids + 1, sizeof(*layers));
	if (!layers)
		return no_memory(e);
	for (size_t i = 0; i < config->n_diff_ids; i++)
		if (has_layer(base, config->diff_ids[i]) || is_made(made, config->diff_ids[i]))
			layers[n++] = config->diff_ids[i];
	int r = parents_stack(store, layers, n, ret, e);
	return r == -ENOENT ? -EAGAIN : r;
}

static int publish(const struct store *store, const struct claim *base,
	const struct image_config *config, const struct made *made, const struct commit_options *o,
	struct image_list *ret, struct err *e)
{
	automatic(stacking) struct stacking stack = { 0 };
	struct time_text now = time_write(time(NULL));
	struct digest_text digest;

	int r = stack_layers(store, base, config, made, &stack, e);
	if (r == 0 && stack.n > IMAGE_LAYERS_MAX)
		r = too_many(stack.n - 1, e);
	if (r == 0)
		r = put_config(store, config, &digest, e);
	if (r < 0)
		return r;
	const struct image_record record = {
		.config = digest.text,
		.layers = stack.layers,
		.n_layers = stack.n,
		.size = size_of(store, config),
		.created = config->created,
		.pulled_at = now.text,
	};
	return package_publish(store, &record, &o->ref, 1, NULL, ret, e);
}

static int commit_once(const struct store *store, const struct claim *base,
	const struct changes *changes, const struct commit_options *o, struct image_list *ret,
	struct err *e)
{
	automatic(image_config) struct image_config config = { 0 };
	struct packer_hold none = { 0 };
	struct made made = { 0 };

	/* What is wrong with the words is told before the work. */
	int r = read_base(store, base, &config, e);
	if (r == 0 && config.n_diff_ids + (o->template ? 1 : 0) >= IMAGE_LAYERS_MAX)
		return too_many(config.n_diff_ids, e);
	if (r == 0)
		r = change_config(&config, o, e);
	if (r == 0 && o->template)
		r = add_changes(store, o->template, &none, o->template_by, o, &config, &made, e);
	if (r == 0)
		r = add_changes(store, changes, &o->hold, o->created_by, o, &config, &made, e);
	return r < 0 ? r : publish(store, base, &config, &made, o, ret, e);
}

int commit(const struct store *store, const struct claim *base, const struct changes *changes,
	const struct commit_options *options, struct image_list *ret, struct err *e)
{
	automatic(image_list) struct image_list list = { 0 };
	autofree char *name = NULL;

	int r = image_name_for(options->ref, NULL, &name, e);
	if (r == 0)
		r = work_sweep(store, e);
	for (int tries = 0; r == 0 && tries < TRIES_MAX; tries++) {
		r = commit_once(store, base, changes, options, &list, e);
		if (r != -EAGAIN)
			break;
		r = tries + 1 < TRIES_MAX ? 0 : r;
	}
	if (r < 0)
		return r;
	*ret = list;
	list = (struct image_list){ 0 };
	return 0;
}
