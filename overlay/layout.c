/* Images out of an OCI image layout. */
#include "overlay/layout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "overlay/blob.h"

#define NESTING_MAX 4

struct loading {
	const struct store *store;
	const struct parcel *parcel;
	const struct import_options *options;
	struct image_list *images;
	const char *digest; /* that a name may have */
};

struct member_name {
	char text[sizeof("blobs/sha256/") + DIGEST_HEX];
};

static struct member_name member_of(const char *digest)
{
	struct member_name m;

	snprintf(m.text, sizeof(m.text), "blobs/sha256/%.64s", digest_hex(digest));
	return m;
}

/* Size first, then the digest, and only then anybody looks at it. */
static int read_document(const struct parcel *parcel, const struct descriptor *d, size_t limit,
	char **ret, size_t *ret_len, struct err *e)
{
	struct member_name m = member_of(d->digest);
	autofree char *text = NULL;
	size_t len;

	int r = parcel_read(parcel, m.text, limit, &text, &len, e);
	if (r < 0)
		return r;
	if (len != d->size)
		return err_say(e, ERR_DAMAGED, "'%s' has %zu bytes, it should have %ju", d->digest,
			len, (uintmax_t)d->size);
	r = blob_check(d->digest, d->digest, text, len, e);
	if (r < 0)
		return r;
	*ret = take(text);
	*ret_len = len;
	return 0;
}

static int load_layers(
	const struct loading *l, struct package *p, const struct manifest_doc *m, struct err *e)
{
	autofree struct package_layer *layers = calloc(m->n_layers + 1, sizeof(*layers));
	autofree struct member_name *members = calloc(m->n_layers + 1, sizeof(*members));

	if (!layers || !members)
		return err_set(e, ENOMEM, "image '%s'", p->refs[0]);
	for (size_t i = 0; i < m->n_layers; i++) {
		members[i] = member_of(m->layers[i].digest);
		layers[i] = (struct package_layer){ .member = members[i].text,
			.digest = m->layers[i].digest,
			.size = m->layers[i].size,
			.type = media_type_of(m->layers[i].media_type) };
	}
	p->layers = layers;
	p->n_layers = m->n_layers;
	return package_load(l->store, l->parcel, p, l->options, l->images, e);
}

static int load_manifest(
	const struct loading *l, const struct descriptor *d, const char *ref, struct err *e)
{
	automatic(manifest_doc) struct manifest_doc manifest = { 0 };
	autofree char *text = NULL, *config = NULL;
	struct package p = { .refs = &ref, .n_refs = 1, .digest = l->digest };

	int r = read_document(l->parcel, d, IMAGE_DOCUMENT_MAX, &text, &p.manifest_len, e);
	if (r == 0)
		r = manifest_parse(d->digest, text, p.manifest_len, &manifest, e);
	if (r == 0)
		r = read_document(
			l->parcel, &manifest.config, IMAGE_CONFIG_MAX, &config, &p.config_len, e);
	if (r < 0)
		return err_while(e, "image '%s'", ref);
	p.manifest = text;
	p.config = config;
	return load_layers(l, &p, &manifest, e);
}

static enum media_kind kind_of(const struct descriptor *d)
{
	const struct media_type *m = media_type_of(d->media_type);

	return m ? m->kind : 0;
}

/* An index inside the index is one image for many machines. */
static int load_entry(const struct loading *l, const struct descriptor *d, const char *ref,
	int depth, struct err *e)
{
	automatic(index_doc) struct index_doc index = { 0 };
	autofree char *text = NULL;
	size_t len = 0;

	if (kind_of(d) == MEDIA_MANIFEST)
		return load_manifest(l, d, ref, e);
	if (depth == NESTING_MAX)
		return err_say(e, ERR_DAMAGED, "image '%s': indexes are nested too deeply", ref);
	int r = read_document(l->parcel, d, IMAGE_DOCUMENT_MAX, &text, &len, e);
	if (r == 0)
		r = index_parse(d->digest, text, len, &index, e);
	if (r < 0)
		return err_while(e, "image '%s'", ref);
	const struct descriptor *chosen =
		index_select(&index, "linux", package_architecture(), NULL);
	if (!chosen || (kind_of(chosen) != MEDIA_MANIFEST && kind_of(chosen) != MEDIA_INDEX))
		return err_say(e, ERR_NO_IMAGE, "image '%s' has no variant for linux/%s", ref,
			package_architecture());
	return load_entry(l, chosen, ref, depth + 1, e);
}

/* containerd writes the full name beside the tag. */
static const char *name_of(const struct descriptor *d)
{
	const char *name = descriptor_annotation(d, ANNOTATION_IMAGE_NAME);

	return name ? name : descriptor_annotation(d, ANNOTATION_REF_NAME);
}

static bool is_wanted(const struct descriptor *d)
{
	if (kind_of(d) != MEDIA_MANIFEST && kind_of(d) != MEDIA_INDEX)
		return false;
	return !d->platform ||
	       (str_equal(d->platform->os, "linux") &&
		       str_equal(d->platform->architecture, package_architecture()));
}

static int load_named(
	const struct loading *l, const struct index_doc *index, size_t *ret_n, struct err *e)
{
	struct loading named = *l;

	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct descriptor *d = &index->manifests[i];
		const char *name = name_of(d);
		if (!name || !is_wanted(d))
			continue;
		named.digest = d->digest;
		int r = load_entry(&named, d, name, 0, e);
		if (r < 0)
			return r;
		++*ret_n;
	}
	return 0;
}

/* With a name given, the layout has to hold one image only, by whatever name. */
static int load_as(const struct loading *l, const struct index_doc *index, struct err *e)
{
	const struct descriptor *only = NULL;

	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct descriptor *d = &index->manifests[i];
		if (!is_wanted(d))
			continue;
		if (only && strcmp(only->digest, d->digest) != 0)
			return err_say(e, ERR_USAGE,
				"'%s' has several images: one name does not fit all",
				l->parcel->path);
		only = d;
	}
	if (!only)
		return err_say(e, ERR_NO_IMAGE, "'%s' has no image for linux/%s", l->parcel->path,
			package_architecture());
	struct loading named = *l;
	named.digest = l->options->digest ? l->options->digest : only->digest;
	return load_entry(&named, only, l->options->name, 0, e);
}

static int read_index(const struct parcel *parcel, struct index_doc *ret, struct err *e)
{
	autofree char *layout = NULL, *text = NULL;
	size_t layout_len, len = 0;

	int r = parcel_read(parcel, "oci-layout", IMAGE_DOCUMENT_MAX, &layout, &layout_len, e);
	if (r == 0)
		r = image_layout_check("oci-layout", layout, layout_len, e);
	if (r == 0)
		r = parcel_read(parcel, "index.json", IMAGE_DOCUMENT_MAX, &text, &len, e);
	return r < 0 ? r : index_parse("index.json", text, len, ret, e);
}

int layout_load(const struct store *store, const struct parcel *parcel,
	const struct import_options *options, struct image_list *ret, struct err *e)
{
	struct loading l = { .store = store, .parcel = parcel, .options = options, .images = ret };
	automatic(index_doc) struct index_doc index = { 0 };
	size_t n = 0;

	int r = read_index(parcel, &index, e);
	if (r < 0)
		return err_while(e, "image layout '%s'", parcel->path);
	if (options->name)
		return load_as(&l, &index, e);
	r = load_named(&l, &index, &n, e);
	if (r < 0 || n)
		return r;
	return err_say(e, ERR_NO_IMAGE,
		"'%s' names no image for linux/%s: give the one that is meant a name (--name)",
		parcel->path, package_architecture());
}
