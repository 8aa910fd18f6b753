/* Images of several layers, written as an OCI layout in the scene and loaded from there. */
#ifndef TESTS_UNIT_LAYERS_H
#define TESTS_UNIT_LAYERS_H

#include "overlay/digest.h"
#include "tests/unit/scene.h"

enum { LAYERS_MAX = 8 };

struct layers {
	struct {
		struct str blob;	    /* as it is stored, perhaps compressed */
		struct digest_text diff_id; /* of the tar */
		const char *media_type;
	} all[LAYERS_MAX];
	size_t n;
};

#define LAYER_TAR "application/vnd.oci.image.layer.v1.tar"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"

static inline struct digest_text digest_text_of(const struct str *s)
{
	struct digest_text d;

	ck_assert_int_eq(digest_of(s->data ? s->data : "", s->len, &d, &scene_err), 0);
	return d;
}

static inline void layers_add(struct layers *l, const struct tar_row *rows, size_t n)
{
	struct tarball t = { 0 };

	for (size_t i = 0; i < n && rows[i].name; i++)
		tarball_add(&t, &rows[i]);
	tarball_end(&t);
	l->all[l->n].diff_id = digest_text_of(&t.bytes);
	l->all[l->n].media_type = LAYER_TAR;
	l->all[l->n++].blob = t.bytes;
}

static inline void layers_done(struct layers *l)
{
	for (size_t i = 0; i < l->n; i++)
		str_done(&l->all[i].blob);
}

/* A blob of the layout; its digest. */
static inline struct digest_text layout_blob(const struct str *text)
{
	struct digest_text d = digest_text_of(text);
	char name[120];

	snprintf(name, sizeof(name), "layout/blobs/sha256/%s", digest_hex(d.text));
	scene_write(name, text->data ? text->data : "", text->len);
	return d;
}

static inline const char *layout_architecture(void)
{
#if defined(__aarch64__)
	return "arm64";
#else
	return "amd64";
#endif
}

static inline struct digest_text layout_config(const struct layers *l)
{
	struct str text = { 0 };

	str_addf(&text,
		"{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"/bin/true\"]},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
		layout_architecture());
	for (size_t i = 0; i < l->n; i++)
		str_addf(&text, "%s\"%s\"", i ? "," : "", l->all[i].diff_id.text);
	str_add(&text, "]}}");
	struct digest_text d = layout_blob(&text);
	str_done(&text);
	return d;
}

static inline size_t layout_size(const char *digest)
{
	char name[120];
	struct stat st;

	snprintf(name, sizeof(name), "layout/blobs/sha256/%s", digest_hex(digest));
	ck_assert_int_eq(stat(scene_path(name), &st), 0);
	return (size_t)st.st_size;
}

static inline struct digest_text layout_manifest(const struct layers *l)
{
	struct digest_text config = layout_config(l);
	struct str text = { 0 };

	str_addf(&text,
		"{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST_TYPE "\",\"config\":"
		"{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\","
		"\"size\":%zu},\"layers\":[",
		config.text, layout_size(config.text));
	for (size_t i = 0; i < l->n; i++)
		str_addf(&text, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}",
			i ? "," : "", l->all[i].media_type, layout_blob(&l->all[i].blob).text,
			l->all[i].blob.len);
	str_add(&text, "]}");
	struct digest_text d = layout_blob(&text);
	str_done(&text);
	return d;
}

/* Below "layout" in the scene; `name` NULL: without one. */
static inline void layout_write(const struct layers *l, const char *name)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	struct str index = { 0 };

	mkdir(scene_path("layout"), 0755);
	mkdir(scene_path("layout/blobs"), 0755);
	mkdir(scene_path("layout/blobs/sha256"), 0755);
	scene_write("layout/oci-layout", version, sizeof(version) - 1);
	struct digest_text manifest = layout_manifest(l);
	str_addf(&index,
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" MANIFEST_TYPE "\","
		"\"digest\":\"%s\",\"size\":%zu",
		manifest.text, layout_size(manifest.text));
	if (name)
		str_addf(&index, ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}",
			name);
	str_add(&index, "}]}");
	scene_write("layout/index.json", index.data, index.len);
	str_done(&index);
}

/* The result of loading what lies at `path` in the scene. */
static inline int scene_load(const char *path, const struct import_options *options)
{
	struct image_list list = { 0 };

	int r = import_load(&scene_store, scene_path(path), options, &list, &scene_err);
	image_list_done(&list);
	return r;
}

static inline void layers_load(const struct layers *l, const char *name)
{
	layout_write(l, name);
	int r = scene_load("layout", &(struct import_options){ 0 });
	ck_assert_msg(r == 0, "%s", scene_err.text);
}

#endif
