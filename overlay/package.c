/* One image on its way into the store. */
#include "overlay/package.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "overlay/blob.h"
#include "overlay/crew.h"
#include "overlay/ingest.h"
#include "overlay/layer.h"
#include "overlay/parents.h"
#include "spec/base/log.h"

#define TRIES_MAX 3 /* when a removal takes layers away while they are not yet named */

static const struct {
	const char *machine, *name;
} architectures[] = { { "x86_64", "amd64" }, { "aarch64", "arm64" }, { "armv7l", "arm" },
	{ "i686", "386" }, { "riscv64", "riscv64" }, { "ppc64le", "ppc64le" },
	{ "s390x", "s390x" } };

const char *package_architecture(void)
{
	struct utsname u;

	if (uname(&u) == 0)
		for (size_t i = 0; i < sizeof(architectures) / sizeof(architectures[0]); i++)
			if (strcmp(u.machine, architectures[i].machine) == 0)
				return architectures[i].name;
	return "unknown";
}

static int add_copy(const struct image_record *record, struct image_list *list, struct err *e)
{
	automatic(str) struct str text = { 0 };
	struct image_record copy;

	image_record_write(record, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "image '%s'", record->ref);
	int r = image_record_parse(record->ref, text.data, text.len, &copy, e);
	if (r < 0)
		return r;
	void *more = reallocarray(list->records, list->n + 1, sizeof(*list->records));
	if (!more) {
		image_record_done(&copy);
		return err_set(e, ENOMEM, "image '%s'", record->ref);
	}
	list->records = more;
	list->records[list->n++] = copy;
	return 0;
}

int package_publish(const struct store *store, const struct image_record *record,
	const char *const *refs, size_t n_refs, int *hold, struct image_list *ret, struct err *e)
{
	struct image_removal pruned = { 0 };
	bool replaces = false;
	struct err why;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_refs; i++) {
		autofree char *name = NULL;
		struct image_record named = *record; /* borrows */
		r = image_name(refs[i], &name, e);
		named.ref = name;
		replaces |= r == 0 && image_exists(store, name);
		if (r == 0)
			r = image_publish(store, &named, e);
		if (r == 0)
			r = add_copy(&named, ret, e);
	}
	if (hold) {
		own_close(hold);
		*hold = -1;
	}
	if (r == 0 && replaces && image_prune(store, &pruned, &why) < 0)
		log_warn("what image '%s' used before stays in the store: %s", refs[0], why.text);
	image_removal_done(&pruned);
	return r;
}

/* An image that the host cannot run may be wanted all the same; what is no Linux image cannot. */
static int check_config(const struct package *p, const struct image_config *config, struct err *e)
{
	if (p->n_layers != config->n_diff_ids)
		return err_say(e, ERR_DAMAGED, "its manifest has %zu layers and its config %zu",
			p->n_layers, config->n_diff_ids);
	if (!str_equal(config->os, "linux"))
		return err_say(
			e, EINVAL, "it is an image for '%.40s', not for 'linux'", config->os);
	if (!str_equal(config->architecture, package_architecture()))
		log_warn("image '%s' is for '%.40s', this machine is '%s'", p->refs[0],
			config->architecture, package_architecture());
	return 0;
}

static int add_known(const struct store *store, const char *diff_id, uint64_t *size, struct err *e)
{
	automatic(layer_meta) struct layer_meta meta = { 0 };

	int r = layer_read(store, diff_id, &meta, e);
	if (r == 0)
		*size = meta.size;
	return r;
}

struct taking {
	const struct store *store;
	const struct parcel *parcel;
	const struct package *package;
	char *const *diff_ids;
};

static int open_layer(const struct taking *t, const struct package_layer *layer,
	const struct import_options *options, struct input *ret, struct err *e)
{
	int fd, r = parcel_member(t->parcel, layer->member, &fd, e);

	if (r == -ENOENT && layer->type && layer->type->foreign)
		return err_say(e, ENOENT,
			"'%s' is kept elsewhere, and where its urls lead is not looked",
			layer->digest);
	return r < 0 ? r
		     : input_open(fd, layer->digest ? layer->digest : layer->member, layer->digest,
			       layer->size, options, ret, e);
}

static int ingest_one(void *data, size_t i, const struct import_options *options,
	uint64_t *ret_size, struct err *e)
{
	const struct taking *t = data;
	const struct package_layer *layer = &t->package->layers[i];
	automatic(input) struct input in = INPUT_NONE;
	struct import_options own = *options;
	struct ingested done = { 0 };
	char what[40];

	/* What the store has need not be in a layout: a pull leaves it out. */
	if (layer->digest && !parcel_has(t->parcel, layer->member) &&
		layer_exists(t->store, t->diff_ids[i]))
		return add_known(t->store, t->diff_ids[i], ret_size, e);
	snprintf(what, sizeof(what), "layer %zu of %zu", i + 1, t->package->n_layers);
	int r = open_layer(t, layer, options, &in, e);
	in.what = what;
	in.type = layer->type;
	own.lowest = i == 0;
	if (r == 0)
		r = ingest_layer(t->store, &in, t->diff_ids[i], &own, &done, e);
	if (r < 0)
		return err_while(e, "%s", what);
	*ret_size = done.size;
	return 0;
}

static int ingest_all(const struct store *store, const struct parcel *parcel,
	const struct package *p, char *const *diff_ids, const struct import_options *options,
	uint64_t *ret_size, struct err *e)
{
	struct taking taking = { store, parcel, p, diff_ids };
	const struct crew_work work = {
		.n = p->n_layers, .one = ingest_one, .data = &taking, .options = options
	};
	size_t missing = 0;

	for (size_t i = 0; i < p->n_layers; i++)
		missing += !layer_exists(store, diff_ids[i]);
	return crew_run(&work, missing < 2, ret_size, e);
}

static int put_documents(const struct store *store, const struct package *p,
	struct digest_text *manifest, struct digest_text *config, struct err *e)
{
	int r = digest_of(p->config, p->config_len, config, e);
	if (r == 0)
		r = blob_put(store, config->text, p->config, p->config_len, e);
	if (r < 0 || !p->manifest)
		return r;
	r = digest_of(p->manifest, p->manifest_len, manifest, e);
	return r < 0 ? r : blob_put(store, manifest->text, p->manifest, p->manifest_len, e);
}

static int load_once(const struct store *store, const struct parcel *parcel,
	const struct package *p, const struct image_config *config,
	const struct import_options *options, struct image_list *ret, struct err *e)
{
	struct time_text now = time_write(time(NULL));
	struct digest_text manifest_digest, config_digest;
	automatic(stacking) struct stacking stack = { 0 };
	uint64_t size = 0;

	int r = ingest_all(store, parcel, p, config->diff_ids, options, &size, e);
	if (r < 0)
		return r;
	r = parents_stack(store, config->diff_ids, config->n_diff_ids, &stack, e);
	/* One was removed since: as when publishing finds that. */
	if (r == -ENOENT)
		return -EAGAIN;
	if (r == 0)
		r = put_documents(store, p, &manifest_digest, &config_digest, e);
	if (r < 0)
		return r;
	struct image_record record = {
		.manifest = p->manifest ? manifest_digest.text : NULL,
		.config = config_digest.text,
		.layers = stack.layers,
		.n_layers = stack.n,
		.size = size,
		.created = config->created,
		.pulled_at = now.text,
	};
	return package_publish(store, &record, p->refs, p->n_refs, NULL, ret, e);
}

static int check_names(const struct package *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->n_refs; i++) {
		autofree char *name = NULL;
		r = image_name_for(p->refs[i], p->digest, &name, e);
	}
	return r;
}

int package_load(const struct store *store, const struct parcel *parcel, const struct package *p,
	const struct import_options *options, struct image_list *ret, struct err *e)
{
	automatic(image_config) struct image_config config = { 0 };

	int r = image_config_parse("config", p->config, p->config_len, &config, e);
	if (r == 0)
		r = check_names(p, e);
	if (r == 0)
		r = check_config(p, &config, e);
	if (r < 0)
		return err_while(e, "image '%s'", p->refs[0]);
	for (int tries = 0; tries < TRIES_MAX; tries++) {
		r = load_once(store, parcel, p, &config, options, ret, e);
		if (r != -EAGAIN)
			break;
	}
	return r < 0 ? err_while(e, "image '%s'", p->refs[0]) : 0;
}
