/*
 * Images out of the store.
 *
 * All documents are made first, in memory; then the tar is written front to back, and a layer comes
 * out of its recipe when its turn is there.
 */
#include "overlay/save.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "overlay/blob.h"
#include "overlay/image.h"
#include "overlay/ustar.h"
#include "spec/reference.h"

#define OCI "application/vnd.oci.image."

struct blob {
	struct digest_text digest;
	uint64_t size;
	char *text; /* NULL: a layer */
};

struct saved {
	struct image image;
	struct digest_text manifest;
	uint64_t manifest_size;
};

struct save {
	const struct store *store;
	struct saved *images; /* sorted by name, each once */
	size_t n_images;
	struct blob *blobs;
	size_t n_blobs, room;
	recipe_sink *sink;
	void *to;
};

static void save_done(struct save *s)
{
	for (size_t i = 0; i < s->n_images; i++)
		image_done(&s->images[i].image);
	for (size_t i = 0; i < s->n_blobs; i++)
		free(s->blobs[i].text);
	free(s->images);
	free(s->blobs);
}
DEFINE_AUTO(save, save_done)

/* --- what will be in it ----------------------------------------------------------------------- */

static struct blob *find_blob(const struct save *s, const char *digest)
{
	for (size_t i = 0; i < s->n_blobs; i++)
		if (strcmp(s->blobs[i].digest.text, digest) == 0)
			return &s->blobs[i];
	return NULL;
}

/* Takes the text in all cases. */
static int add_blob(struct save *s, const char *digest, uint64_t size, char *text, struct err *e)
{
	struct blob b = { .size = size, .text = text };

	if (find_blob(s, digest)) {
		free(text);
		return 0;
	}
	if (s->n_blobs == s->room) {
		size_t room = s->room ? 2 * s->room : 16;
		struct blob *more = reallocarray(s->blobs, room, sizeof(*more));
		if (!more) {
			free(text);
			return err_set(e, ENOMEM, "list what is saved");
		}
		s->blobs = more;
		s->room = room;
	}
	snprintf(b.digest.text, sizeof(b.digest.text), "%s", digest);
	s->blobs[s->n_blobs++] = b;
	return 0;
}

static int add_layer(struct save *s, const char *diff_id, struct err *e)
{
	struct recipe *recipe;

	if (find_blob(s, diff_id))
		return 0;
	int r = recipe_open(s->store, diff_id, &recipe, e);
	if (r < 0)
		return r;
	uint64_t size = recipe_size(recipe);
	recipe_free(recipe);
	return add_blob(s, diff_id, size, NULL, e);
}

static int add_config(struct save *s, const char *digest, struct err *e)
{
	char *text;
	size_t n;

	int r = blob_get(s->store, digest, IMAGE_CONFIG_MAX, &text, &n, e);
	return r < 0 ? r : add_blob(s, digest, n, text, e);
}

/* The annotations of the manifest that it came with are kept. `text` holds them. */
static int read_old_manifest(
	const struct save *s, const char *digest, struct manifest_doc *ret, struct err *e)
{
	autofree char *text = NULL;
	size_t n;

	if (!digest)
		return 0;
	int r = blob_get(s->store, digest, IMAGE_DOCUMENT_MAX, &text, &n, e);
	return r < 0 ? r : manifest_parse(digest, text, n, ret, e);
}

static int write_manifest(struct save *s, struct saved *saved, const struct manifest_doc *old,
	struct descriptor *layers, struct err *e)
{
	automatic(str) struct str text = { 0 };
	struct manifest_doc m = {
		.config = { .media_type = (char *)OCI "config.v1+json",
			.digest = saved->image.record.config,
			.size = find_blob(s, saved->image.record.config)->size },
		.layers = layers,
		.n_layers = saved->image.config.n_diff_ids,
		.annotations = old->annotations,
		.n_annotations = old->n_annotations,
	};

	manifest_write(&m, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "write a manifest");
	saved->manifest_size = text.len;
	int r = digest_of(text.data, text.len, &saved->manifest, e);
	return r < 0 ? r
		     : add_blob(s, saved->manifest.text, saved->manifest_size, take(text.data), e);
}

static int add_documents(struct save *s, struct saved *saved, struct err *e)
{
	automatic(manifest_doc) struct manifest_doc old = { 0 };
	const struct image_config *config = &saved->image.config;
	int r = 0;

	autofree struct descriptor *layers = calloc(config->n_diff_ids + 1, sizeof(*layers));
	if (!layers)
		return err_set(e, ENOMEM, "write a manifest");
	for (size_t i = 0; r == 0 && i < config->n_diff_ids; i++) {
		r = add_layer(s, config->diff_ids[i], e);
		if (r == 0)
			layers[i] = (struct descriptor){ .media_type = (char *)OCI "layer.v1.tar",
				.digest = config->diff_ids[i],
				.size = find_blob(s, config->diff_ids[i])->size };
	}
	if (r == 0)
		r = add_config(s, saved->image.record.config, e);
	if (r == 0)
		r = read_old_manifest(s, saved->image.record.manifest, &old, e);
	return r < 0 ? r : write_manifest(s, saved, &old, layers, e);
}

static int compare_images(const void *a, const void *b)
{
	const struct saved *x = a, *y = b;

	return strcmp(x->image.record.ref, y->image.record.ref);
}

static int find_images(struct save *s, char *const *refs, size_t n, struct err *e)
{
	size_t kept = 0;

	s->images = calloc(n + 1, sizeof(*s->images));
	if (!s->images)
		return err_set(e, ENOMEM, "list what is saved");
	for (; s->n_images < n; s->n_images++) {
		int r = image_find(s->store, refs[s->n_images], &s->images[s->n_images].image, e);
		if (r < 0)
			return r;
	}
	qsort(s->images, n, sizeof(*s->images), compare_images);
	for (size_t i = 0; i < n; i++) {
		if (kept && compare_images(&s->images[kept - 1], &s->images[i]) == 0)
			image_done(&s->images[i].image);
		else
			s->images[kept++] = s->images[i];
	}
	s->n_images = kept;
	return 0;
}

static int compare_blobs(const void *a, const void *b)
{
	return strcmp(((const struct blob *)a)->digest.text, ((const struct blob *)b)->digest.text);
}

static int plan(struct save *s, char *const *refs, size_t n, struct err *e)
{
	int r = find_images(s, refs, n, e);

	for (size_t i = 0; r == 0 && i < s->n_images; i++) {
		r = add_documents(s, &s->images[i], e);
		if (r < 0)
			err_while(e, "image '%s'", s->images[i].image.record.ref);
	}
	if (r == 0 && s->n_blobs)
		qsort(s->blobs, s->n_blobs, sizeof(*s->blobs), compare_blobs);
	return r;
}

/* --- its two tables of contents ---------------------------------------------------------------- */

/* The whole name in both annotations: a tag alone would not tell two images apart. */
static void write_index(const struct save *s, struct str *out)
{
	str_add(out, "{\"schemaVersion\":2,\"mediaType\":\"" OCI "index.v1+json\",\"manifests\":[");
	for (size_t i = 0; i < s->n_images; i++) {
		const struct saved *saved = &s->images[i];
		str_addf(out, "%s{\"mediaType\":\"" OCI "manifest.v1+json\",", i ? "," : "");
		str_addf(out, "\"digest\":\"%s\",\"size\":%ju,\"annotations\":{",
			saved->manifest.text, (uintmax_t)saved->manifest_size);
		str_add(out, "\"" ANNOTATION_IMAGE_NAME "\":");
		json_write_string(saved->image.record.ref, out);
		str_add(out, ",\"" ANNOTATION_REF_NAME "\":");
		json_write_string(saved->image.record.ref, out);
		str_add(out, "},\"platform\":{\"architecture\":");
		json_write_string(saved->image.config.architecture, out);
		str_add(out, ",\"os\":");
		json_write_string(saved->image.config.os, out);
		str_add(out, "}}");
	}
	str_add(out, "]}");
}

/* What Docker takes as one: it refuses the archive for a name that it does not like. */
static bool is_docker_tag(const char *name)
{
	automatic(reference) struct reference ref = { 0 };
	struct err ignored;

	return reference_parse(name, &ref, &ignored) == 0 && ref.tag && !strchr(name, '@');
}

static void write_tags(const struct save *s, const char *config, struct str *out)
{
	const char *comma = "";

	str_add(out, "\"RepoTags\":[");
	for (size_t i = 0; i < s->n_images; i++) {
		const struct image_record *record = &s->images[i].image.record;
		if (strcmp(record->config, config) != 0 || !is_docker_tag(record->ref))
			continue;
		str_add(out, comma);
		json_write_string(record->ref, out);
		comma = ",";
	}
	str_add(out, "]");
}

/* One entry for each image, with all its names. */
static void write_archive(const struct save *s, struct str *out)
{
	const char *comma = "[";

	for (size_t i = 0; i < s->n_images; i++) {
		const struct image *image = &s->images[i].image;
		bool is_first = true;
		for (size_t j = 0; j < i; j++)
			is_first &=
				strcmp(s->images[j].image.record.config, image->record.config) != 0;
		if (!is_first)
			continue;
		str_addf(out, "%s{\"Config\":\"blobs/sha256/%s\",", comma,
			digest_hex(image->record.config));
		write_tags(s, image->record.config, out);
		str_add(out, ",\"Layers\":[");
		for (size_t j = 0; j < image->config.n_diff_ids; j++)
			str_addf(out, "%s\"blobs/sha256/%s\"", j ? "," : "",
				digest_hex(image->config.diff_ids[j]));
		str_add(out, "]}");
		comma = ",";
	}
	str_add(out, "]");
}

/* --- the tar ---------------------------------------------------------------------------------- */

static int put(const struct save *s, const void *data, size_t n, struct err *e)
{
	return n ? s->sink(s->to, data, n, e) : 0;
}

static int put_header(const struct save *s, const char *name, uint64_t size, struct err *e)
{
	struct ustar_block block = ustar_header(name, size);

	return put(s, block.bytes, sizeof(block.bytes), e);
}

static int put_padding(const struct save *s, uint64_t size, struct err *e)
{
	static const char zeros[USTAR_BLOCK];

	return put(s, zeros, ustar_padding(size), e);
}

static int put_text(
	const struct save *s, const char *name, const char *text, size_t n, struct err *e)
{
	int r = put_header(s, name, n, e);

	if (r == 0)
		r = put(s, text, n, e);
	return r < 0 ? r : put_padding(s, n, e);
}

static int put_blob(const struct save *s, const struct blob *b, struct err *e)
{
	char name[sizeof("blobs/sha256/") + DIGEST_HEX];

	snprintf(name, sizeof(name), "blobs/sha256/%s", digest_hex(b->digest.text));
	if (b->text)
		return put_text(s, name, b->text, (size_t)b->size, e);
	int r = put_header(s, name, b->size, e);
	if (r == 0)
		r = recipe_play(s->store, b->digest.text, s->sink, s->to, e);
	return r < 0 ? r : put_padding(s, b->size, e);
}

static int put_documents(const struct save *s, struct err *e)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	automatic(str) struct str index = { 0 };
	automatic(str) struct str archive = { 0 };

	write_index(s, &index);
	write_archive(s, &archive);
	if (!str_ok(&index) || !str_ok(&archive))
		return err_set(e, ENOMEM, "write an index");
	int r = put_text(s, "oci-layout", layout, sizeof(layout) - 1, e);
	if (r == 0)
		r = put_text(s, "index.json", index.data, index.len, e);
	return r < 0 ? r : put_text(s, "manifest.json", archive.data, archive.len, e);
}

static int put_all(const struct save *s, struct err *e)
{
	static const char end[2 * USTAR_BLOCK];

	int r = put_documents(s, e);
	if (r == 0)
		r = put_header(s, "blobs/", 0, e);
	if (r == 0)
		r = put_header(s, "blobs/sha256/", 0, e);
	for (size_t i = 0; r == 0 && i < s->n_blobs; i++)
		r = put_blob(s, &s->blobs[i], e);
	return r < 0 ? r : put(s, end, sizeof(end), e);
}

int save_images(const struct store *store, char *const *refs, size_t n, recipe_sink *sink, void *to,
	struct err *e)
{
	automatic(save) struct save s = { .store = store, .sink = sink, .to = to };
	autofd int lock = -1;

	int r = store_lock(store, STORE_SHARED, &lock, e);
	if (r == 0)
		r = plan(&s, refs, n, e);
	return r < 0 ? r : put_all(&s, e);
}
