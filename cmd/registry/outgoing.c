/* The manifest of an image that goes out. */
#include "cmd/registry/outgoing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "overlay/blob.h"

static int read_old(const struct store *store, struct outgoing *o, struct err *e)
{
	const char *digest = o->image.record.manifest;

	if (!digest)
		return 0;
	int r = blob_get(store, digest, IMAGE_DOCUMENT_MAX, &o->old, &o->old_len, e);
	if (r == 0)
		r = manifest_parse(digest, o->old, o->old_len, &o->old_doc, e);
	if (r == 0 && o->old_doc.n_layers != o->n_layers)
		r = err_say(e, ERR_DAMAGED, "its manifest has %zu layers and its config %zu",
			o->old_doc.n_layers, o->n_layers);
	o->docker = media_type_is_docker(o->old_doc.config.media_type);
	return r;
}

static int take_origin(struct outgoing_layer *l, const struct descriptor *d, const char *home)
{
	const struct media_type *type = media_type_of(d->media_type);

	l->came.size = d->size;
	l->came.compression = type ? type->compression : COMPRESSION_NONE;
	snprintf(l->came.digest, sizeof(l->came.digest), "%s", d->digest);
	l->home = strdup(home);
	return l->home ? 0 : -ENOMEM;
}

/* Layers of ours that came with another image, as those below a commit did. */
static int take_origins(struct outgoing *o, const struct store *store,
	const struct image_record *other, struct err *e)
{
	automatic(manifest_doc) struct manifest_doc doc = { 0 };
	automatic(image) struct image image = { 0 };
	autofree char *text = NULL;
	size_t len;
	int r = image_find(store, other->ref, &image, e);

	if (r == 0)
		r = blob_get(store, other->manifest, IMAGE_DOCUMENT_MAX, &text, &len, e);
	if (r == 0)
		r = manifest_parse(other->manifest, text, len, &doc, e);
	if (r < 0 || doc.n_layers != image.config.n_diff_ids)
		return 0; /* gone meanwhile, or of no use to us */
	for (size_t i = 0; i < o->n_layers; i++)
		for (size_t k = 0; k < doc.n_layers && !o->layers[i].home; k++)
			if (strcmp(image.config.diff_ids[k], o->layers[i].diff_id) == 0 &&
				take_origin(&o->layers[i], &doc.layers[k], other->ref) < 0)
				return err_set(e, ENOMEM, "list the layers");
	return 0;
}

static bool has_unknown(const struct outgoing *o)
{
	for (size_t i = 0; i < o->n_layers; i++)
		if (!o->layers[i].home)
			return true;
	return false;
}

static int list_layers(const struct store *store, struct outgoing *o, struct err *e)
{
	automatic(image_list) struct image_list list = { 0 };
	int r = 0;

	o->layers = calloc(o->n_layers + 1, sizeof(*o->layers));
	if (!o->layers)
		return err_set(e, ENOMEM, "list the layers");
	for (size_t i = 0; i < o->n_layers; i++) {
		o->layers[i].diff_id = o->image.config.diff_ids[i];
		if (o->old &&
			take_origin(&o->layers[i], &o->old_doc.layers[i], o->image.record.ref) < 0)
			return err_set(e, ENOMEM, "list the layers");
	}
	if (has_unknown(o))
		r = image_list(store, &list, e);
	for (size_t i = 0; r == 0 && i < list.n && has_unknown(o); i++)
		if (list.records[i].manifest)
			r = take_origins(o, store, &list.records[i], e);
	return r;
}

int outgoing_read(const struct store *store, const char *ref, struct outgoing *ret, struct err *e)
{
	automatic(outgoing) struct outgoing o = { 0 };

	int r = image_find(store, ref, &o.image, e);
	if (r < 0)
		return r;
	o.n_layers = o.image.config.n_diff_ids;
	r = blob_get(store, o.image.record.config, IMAGE_CONFIG_MAX, &o.config, &o.config_len, e);
	if (r == 0)
		r = read_old(store, &o, e);
	if (r == 0)
		r = list_layers(store, &o, e);
	if (r < 0)
		return err_while(e, "image '%s'", o.image.record.ref);
	*ret = o;
	o = (struct outgoing){ 0 };
	return 0;
}

static bool is_as_it_came(const struct outgoing *o)
{
	for (size_t i = 0; o->old && i < o->n_layers; i++)
		if (strcmp(o->layers[i].goes.digest, o->old_doc.layers[i].digest) != 0)
			return false;
	return o->old != NULL;
}

/* Docker's spelling has no zstd that all understand. */
static bool is_docker(const struct outgoing *o)
{
	bool docker = o->docker;

	for (size_t i = 0; i < o->n_layers; i++)
		docker = docker && o->layers[i].goes.compression != COMPRESSION_ZSTD;
	return docker;
}

static int write_new(struct outgoing *o, struct str *ret, const char **ret_type, struct err *e)
{
	autofree struct descriptor *layers = calloc(o->n_layers + 1, sizeof(*layers));
	bool docker = is_docker(o);

	if (!layers)
		return err_set(e, ENOMEM, "write a manifest");
	for (size_t i = 0; i < o->n_layers; i++)
		layers[i] = (struct descriptor){
			.media_type = (char *)media_type_name(
				MEDIA_LAYER, o->layers[i].goes.compression, docker),
			.digest = o->layers[i].goes.digest,
			.size = o->layers[i].goes.size,
		};
	*ret_type = media_type_name(MEDIA_MANIFEST, COMPRESSION_NONE, docker);
	struct manifest_doc m = {
		.media_type = (char *)*ret_type,
		.config = { .media_type =
				    (char *)media_type_name(MEDIA_CONFIG, COMPRESSION_NONE, docker),
			.digest = o->image.record.config,
			.size = o->config_len },
		.layers = layers,
		.n_layers = o->n_layers,
		.annotations = o->old_doc.annotations,
		.n_annotations = o->old_doc.n_annotations,
	};
	manifest_write(&m, ret);
	return str_ok(ret) ? 0 : err_set(e, ENOMEM, "write a manifest");
}

int outgoing_write(struct outgoing *o, struct str *ret, const char **ret_type, struct err *e)
{
	if (!is_as_it_came(o))
		return write_new(o, ret, ret_type, e);
	str_add_bytes(ret, o->old, o->old_len);
	/* It may leave its own media type out: then its config's spelling says which it is. */
	*ret_type = o->old_doc.media_type
			    ? o->old_doc.media_type
			    : media_type_name(MEDIA_MANIFEST, COMPRESSION_NONE, o->docker);
	return str_ok(ret) ? 0 : err_set(e, ENOMEM, "write a manifest");
}

void outgoing_done(struct outgoing *o)
{
	image_done(&o->image);
	manifest_done(&o->old_doc);
	for (size_t i = 0; o->layers && i < o->n_layers; i++)
		free(o->layers[i].home);
	free(o->config);
	free(o->old);
	free(o->layers);
	*o = (struct outgoing){ 0 };
}
