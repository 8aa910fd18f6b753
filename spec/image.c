/* What images are made of: digests, media types, index and manifest. */
#include "spec/image.h"

#include <errno.h>
#include <string.h>

#include "spec/image_read.h"

#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define LAYER(text, ...)                                                                           \
	{                                                                                          \
		.name = (text), .kind = MEDIA_LAYER, __VA_ARGS__                                   \
	}

const struct media_type media_types[] = {
	{ .name = OCI "index.v1+json", .kind = MEDIA_INDEX },
	{ .name = OCI "manifest.v1+json", .kind = MEDIA_MANIFEST },
	{ .name = OCI "config.v1+json", .kind = MEDIA_CONFIG },
	LAYER(OCI "layer.v1.tar", .compression = COMPRESSION_NONE),
	LAYER(OCI "layer.v1.tar+gzip", .compression = COMPRESSION_GZIP),
	LAYER(OCI "layer.v1.tar+zstd", .compression = COMPRESSION_ZSTD),
	LAYER(OCI "layer.nondistributable.v1.tar", .foreign = true),
	LAYER(OCI "layer.nondistributable.v1.tar+gzip", .compression = COMPRESSION_GZIP,
		.foreign = true),
	LAYER(OCI "layer.nondistributable.v1.tar+zstd", .compression = COMPRESSION_ZSTD,
		.foreign = true),
	{ .name = DOCKER "distribution.manifest.list.v2+json", .kind = MEDIA_INDEX },
	{ .name = DOCKER "distribution.manifest.v2+json", .kind = MEDIA_MANIFEST },
	{ .name = DOCKER "container.image.v1+json", .kind = MEDIA_CONFIG },
	LAYER(DOCKER "image.rootfs.diff.tar", .compression = COMPRESSION_NONE),
	LAYER(DOCKER "image.rootfs.diff.tar.gzip", .compression = COMPRESSION_GZIP),
	LAYER(DOCKER "image.rootfs.diff.tar.zstd", .compression = COMPRESSION_ZSTD),
	LAYER(DOCKER "image.rootfs.foreign.diff.tar", .foreign = true),
	LAYER(DOCKER "image.rootfs.foreign.diff.tar.gzip", .compression = COMPRESSION_GZIP,
		.foreign = true),
	{ 0 },
};

const struct media_type *media_type_of(const char *name)
{
	for (const struct media_type *m = media_types; name && m->name; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

bool media_type_is_docker(const char *name)
{
	return name && str_starts(name, DOCKER);
}

const char *media_type_name(enum media_kind kind, enum compression compression, bool docker)
{
	for (const struct media_type *m = media_types; m->name; m++)
		if (m->kind == kind && m->compression == compression && !m->foreign &&
			media_type_is_docker(m->name) == docker)
			return m->name;
	return NULL;
}

/* 0 for media types that we do not know: such entries are passed over, or refused by name. */
static enum media_kind kind_of(const char *name)
{
	const struct media_type *m = media_type_of(name);

	return m ? m->kind : 0;
}

bool digest_check(const char *digest)
{
	return digest && str_starts(digest, DIGEST_PREFIX) && strlen(digest) == DIGEST_LENGTH &&
	       strspn(digest_hex(digest), "0123456789abcdef") == DIGEST_HEX;
}

const char *digest_hex(const char *digest)
{
	return digest + sizeof(DIGEST_PREFIX) - 1;
}

int image_blame(const char *what, struct err *e)
{
	return str_starts(e->text, what) ? -e->code : err_while(e, "%s", what);
}

int image_check_layers(char *const *digests, size_t n, const char *path, struct err *e)
{
	if (n > IMAGE_LAYERS_MAX)
		return err_say(e, EFBIG, "%s: %zu layers, more than the %d allowed", path, n,
			IMAGE_LAYERS_MAX);
	for (size_t i = 0; i < n; i++)
		if (!digest_check(digests[i]))
			return err_say(e, EINVAL, "%s[%zu]: '%.80s' is no sha256 digest", path, i,
				digests[i]);
	return 0;
}

/* --- descriptors --------------------------------------------------------------------------------
 */

static const struct field platform_fields[] = {
	FIELD(struct platform, "architecture", FIELD_STRING, architecture),
	FIELD(struct platform, "os", FIELD_STRING, os),
	FIELD(struct platform, "os.version", FIELD_STRING, os_version),
	FIELD(struct platform, "variant", FIELD_STRING, variant),
	{ 0 },
};

static const struct field descriptor_fields[] = {
	FIELD(struct descriptor, "mediaType", FIELD_STRING, media_type),
	FIELD(struct descriptor, "digest", FIELD_STRING, digest, .must = true),
	FIELD(struct descriptor, "size", FIELD_U64, size, .must = true, .always = true),
	FIELD(struct descriptor, "platform", FIELD_OBJECT_PTR, platform, .inside = platform_fields,
		.size = sizeof(struct platform)),
	FIELD_LIST(struct descriptor, "annotations", FIELD_MAP, annotations, n_annotations),
	{ 0 },
};

/* Sizes are signed in the image-spec: more would turn negative in other readers. */
static int check_descriptor(const struct descriptor *d, const char *path, struct err *e)
{
	if (!digest_check(d->digest))
		return err_say(
			e, EINVAL, "%s.digest: '%.80s' is no sha256 digest", path, d->digest);
	if (d->size > INT64_MAX)
		return err_say(e, EINVAL, "%s.size: %llu is out of range (0 to %lld)", path,
			(unsigned long long)d->size, (long long)INT64_MAX);
	return 0;
}

static int check_descriptors(const struct descriptor *v, size_t n, const char *key, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		automatic(str) struct str path = { 0 };
		str_addf(&path, "%s[%zu]", key, i);
		int r = check_descriptor(&v[i], str_ok(&path) ? path.data : key, e);
		if (r < 0)
			return r;
	}
	return 0;
}

const char *descriptor_annotation(const struct descriptor *d, const char *key)
{
	for (size_t i = 0; i < d->n_annotations; i++)
		if (str_equal(d->annotations[i].key, key))
			return d->annotations[i].value;
	return NULL;
}

/* The media type inside may be absent, but it must not contradict how the document is read. */
static int check_head(uint32_t version, const char *media_type, enum media_kind kind, struct err *e)
{
	if (version != 2)
		return err_say(e, EINVAL, "schemaVersion: %u is not supported, only 2", version);
	if (media_type && kind_of(media_type) != kind)
		return err_say(e, EINVAL, "mediaType: '%.100s' is not that of %s", media_type,
			kind == MEDIA_INDEX ? "an index" : "a manifest");
	return 0;
}

/* --- index --------------------------------------------------------------------------------------
 */

static const struct field index_fields[] = {
	FIELD(struct index_doc, "schemaVersion", FIELD_U32, schema_version, .must = true),
	FIELD(struct index_doc, "mediaType", FIELD_STRING, media_type),
	FIELD_LIST(struct index_doc, "manifests", FIELD_OBJECT, manifests, n_manifests,
		.inside = descriptor_fields, .size = sizeof(struct descriptor), .must = true),
	FIELD(struct index_doc, "layers", FIELD_PRESENT, has_layers),
	FIELD(struct index_doc, "config", FIELD_PRESENT, has_config),
	{ 0 },
};

/* A document that is both would be one image here and another one elsewhere (CVE-2021-41190). */
static int check_index(const struct index_doc *index, struct err *e)
{
	int r = check_head(index->schema_version, index->media_type, MEDIA_INDEX, e);

	if (r == 0 && (index->has_layers || index->has_config))
		return err_say(e, EINVAL, "%s: is a manifest's, and this is an index",
			index->has_layers ? "layers" : "config");
	return r < 0 ? r : check_descriptors(index->manifests, index->n_manifests, "manifests", e);
}

int index_parse(
	const char *what, const char *text, size_t len, struct index_doc *ret, struct err *e)
{
	const struct json_limits limits = { .bytes = IMAGE_DOCUMENT_MAX,
		.depth = json_usual_limits.depth,
		.values = json_usual_limits.values };
	automatic(index_doc) struct index_doc index = { 0 };

	if (json_read(what, text, len, index_fields, &index, &limits, e) < 0 ||
		check_index(&index, e) < 0)
		return image_blame(what, e);
	*ret = index;
	index = (struct index_doc){ 0 };
	return 0;
}

void index_done(struct index_doc *index)
{
	json_free(index_fields, index);
}

/* A variant that the image does not name fits every wish: only arm images have one. */
static bool is_for(const struct platform *p, const char *os, const char *arch, const char *variant)
{
	return str_equal(p->os, os) && str_equal(p->architecture, arch) &&
	       (!variant || !p->variant || str_equal(p->variant, variant));
}

const struct descriptor *index_select(const struct index_doc *index, const char *os,
	const char *architecture, const char *variant)
{
	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct platform *p = index->manifests[i].platform;
		if (p && is_for(p, os, architecture, variant))
			return &index->manifests[i];
	}
	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct descriptor *d = &index->manifests[i];
		enum media_kind kind = kind_of(d->media_type);
		if (!d->platform && (kind == MEDIA_MANIFEST || kind == MEDIA_INDEX))
			return d;
	}
	return NULL;
}

/* --- manifest -----------------------------------------------------------------------------------
 */

static const struct field manifest_fields[] = {
	FIELD(struct manifest_doc, "schemaVersion", FIELD_U32, schema_version, .must = true),
	FIELD(struct manifest_doc, "mediaType", FIELD_STRING, media_type),
	{ .name = "config",
		.kind = FIELD_OBJECT,
		.offset = offsetof(struct manifest_doc, config),
		.inside = descriptor_fields,
		.must = true },
	FIELD_LIST(struct manifest_doc, "layers", FIELD_OBJECT, layers, n_layers,
		.inside = descriptor_fields, .size = sizeof(struct descriptor), .must = true,
		.always = true),
	FIELD_LIST(struct manifest_doc, "annotations", FIELD_MAP, annotations, n_annotations),
	FIELD(struct manifest_doc, "manifests", FIELD_PRESENT, has_manifests),
	{ 0 },
};

/*
 * Artifacts (charts, signatures) are manifests too: they are told by their config's media type, and
 * are no images.
 */
static int check_manifest(const struct manifest_doc *m, struct err *e)
{
	int r = check_head(m->schema_version, m->media_type, MEDIA_MANIFEST, e);

	if (r == 0 && m->has_manifests)
		return err_say(e, EINVAL, "manifests: is an index's, and this is a manifest");
	if (r == 0)
		r = check_descriptor(&m->config, "config", e);
	if (r == 0)
		r = check_descriptors(m->layers, m->n_layers, "layers", e);
	if (r < 0)
		return r;
	if (kind_of(m->config.media_type) != MEDIA_CONFIG)
		return err_say(e, EINVAL, "config.mediaType: '%.100s' is not an image's",
			m->config.media_type ? m->config.media_type : "");
	if (m->n_layers > IMAGE_LAYERS_MAX)
		return err_say(e, EFBIG, "layers: %zu layers, more than the %d allowed",
			m->n_layers, IMAGE_LAYERS_MAX);
	for (size_t i = 0; i < m->n_layers; i++)
		if (kind_of(m->layers[i].media_type) != MEDIA_LAYER)
			return err_say(e, EINVAL,
				"layers[%zu].mediaType: '%.100s' is not supported", i,
				m->layers[i].media_type ? m->layers[i].media_type : "");
	return 0;
}

int manifest_parse(
	const char *what, const char *text, size_t len, struct manifest_doc *ret, struct err *e)
{
	const struct json_limits limits = { .bytes = IMAGE_DOCUMENT_MAX,
		.depth = json_usual_limits.depth,
		.values = json_usual_limits.values };
	automatic(manifest_doc) struct manifest_doc manifest = { 0 };

	if (json_read(what, text, len, manifest_fields, &manifest, &limits, e) < 0 ||
		check_manifest(&manifest, e) < 0)
		return image_blame(what, e);
	*ret = manifest;
	manifest = (struct manifest_doc){ 0 };
	return 0;
}

void manifest_write(const struct manifest_doc *manifest, struct str *out)
{
	struct manifest_doc m = *manifest; /* borrows everything */

	m.schema_version = 2;
	if (!m.media_type)
		m.media_type = (char *)OCI "manifest.v1+json";
	json_write(manifest_fields, &m, JSON_COMPACT, out);
}

void manifest_done(struct manifest_doc *manifest)
{
	json_free(manifest_fields, manifest);
}
