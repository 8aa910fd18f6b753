/* Layouts whose documents are not what they should be: digests, sizes, shapes. */
#ifndef TESTS_UNIT_HOSTILE_DOCUMENTS_H
#define TESTS_UNIT_HOSTILE_DOCUMENTS_H

#include "tests/unit/hostile.h"

#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define BAD_DIGEST "sha256:../../../../../canary/file"
#define GOOD_DIGEST "sha256:0123456789012345678901234567890123456789012345678901234567890123"

static const struct tar_row layer_rows[] = { { .name = "a", .data = "in the layer" } };
static const struct tar_row upper_rows[] = { { .name = "b", .data = "in the upper" } };

/* --- documents --------------------------------------------------------------------------------
 */

static inline void layout_rooms(void)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

	mkdir(scene_path("layout"), 0755);
	mkdir(scene_path("layout/blobs"), 0755);
	mkdir(scene_path("layout/blobs/sha256"), 0755);
	scene_write("layout/oci-layout", version, sizeof(version) - 1);
}

static inline void add_descriptor(
	struct str *out, const char *type, const char *digest, size_t size)
{
	str_addf(out, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu", type, digest, size);
}

/* An index.json of one entry called "t". */
static inline void put_index(const char *type, const char *digest, size_t size)
{
	struct str text = { 0 };

	layout_rooms();
	str_add(&text, "{\"schemaVersion\":2,\"manifests\":[");
	add_descriptor(&text, type, digest, size);
	str_add(&text, ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"t\"}}]}");
	scene_write("layout/index.json", text.data, text.len);
	str_done(&text);
}

static inline struct digest_text put_blob(const struct str *text)
{
	layout_rooms();
	return layout_blob(text);
}

static inline void put_manifest(struct str *text)
{
	struct digest_text digest = put_blob(text);

	put_index(MANIFEST_TYPE, digest.text, text->len);
	str_done(text);
}

/* A manifest of that config and one layer. */
static inline void put_config(struct str *config, const char *layer, size_t layer_size)
{
	struct digest_text digest = put_blob(config);
	struct str text = { 0 };

	str_add(&text, "{\"schemaVersion\":2,\"config\":");
	add_descriptor(&text, CONFIG_TYPE, digest.text, config->len);
	str_add(&text, "},\"layers\":[");
	add_descriptor(&text, LAYER_TAR, layer, layer_size);
	str_add(&text, "}]}");
	str_done(config);
	put_manifest(&text);
}

static inline void put_plain(void (*change)(struct layers *l))
{
	struct layers l = { 0 };

	layers_add(&l, layer_rows, 1);
	change(&l);
	if (l.all[0].blob.data[0] == '\x1f')
		l.all[0].media_type = LAYER_TAR "+gzip";
	if (l.all[0].blob.data[0] == '\x28')
		l.all[0].media_type = LAYER_TAR "+zstd";
	layout_write(&l, "t");
	layers_done(&l);
}

static inline void overwrite(const struct digest_text *digest, const struct str *text)
{
	char name[120];

	snprintf(name, sizeof(name), "layout/blobs/sha256/%s", digest_hex(digest->text));
	scene_write(name, text->data, text->len);
}

/* --- digests and sizes ------------------------------------------------------------------------
 */

static inline void make_layer_damage(void)
{
	struct layers l = { 0 };

	layers_add(&l, layer_rows, 1);
	layers_add(&l, upper_rows, 1);
	layout_write(&l, "t");
	struct digest_text digest = digest_text_of(&l.all[1].blob);
	l.all[1].blob.data[600] ^= 1;
	overwrite(&digest, &l.all[1].blob);
	layers_done(&l);
}

static inline void make_layer_longer(void)
{
	struct layers l = { 0 };

	layers_add(&l, layer_rows, 1);
	layout_write(&l, "t");
	struct digest_text digest = digest_text_of(&l.all[0].blob);
	str_add(&l.all[0].blob, "more");
	overwrite(&digest, &l.all[0].blob);
	layers_done(&l);
}

static inline void change_diff_id(struct layers *l)
{
	l->all[0].diff_id.text[20] ^= 1;
}

static inline void make_wrong_diff_id(void)
{
	put_plain(change_diff_id);
}

static inline void make_index_path(void)
{
	put_index(MANIFEST_TYPE, BAD_DIGEST, 9);
}

static inline void make_config_path(void)
{
	struct str text = { 0 };

	str_add(&text, "{\"schemaVersion\":2,\"config\":");
	add_descriptor(&text, CONFIG_TYPE, BAD_DIGEST, 9);
	str_add(&text, "},\"layers\":[]}");
	put_manifest(&text);
}

static inline void make_layer_path(void)
{
	struct str text = { 0 };

	str_add(&text, "{\"schemaVersion\":2,\"config\":");
	add_descriptor(&text, CONFIG_TYPE, GOOD_DIGEST, 9);
	str_add(&text, "},\"layers\":[");
	add_descriptor(&text, LAYER_TAR, BAD_DIGEST, 9);
	str_add(&text, "}]}");
	put_manifest(&text);
}

static inline void make_diff_id_path(void)
{
	struct str config = { 0 };

	str_addf(&config,
		"{\"architecture\":\"%s\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
		"\"diff_ids\":[\"" BAD_DIGEST "\"]}}",
		layout_architecture());
	put_config(&config, GOOD_DIGEST, 9);
}

/* --- documents' size and shape ----------------------------------------------------------------
 */

static inline void fill_up(struct str *text, size_t n)
{
	char *spaces = malloc(n);

	memset(spaces, ' ', n);
	str_add_bytes(text, spaces, n);
	free(spaces);
}

static inline void make_huge_index(void)
{
	struct str text = { 0 };

	layout_rooms();
	str_add(&text, "{\"schemaVersion\":2,\"manifests\":[]}");
	fill_up(&text, 4 << 20);
	scene_write("layout/index.json", text.data, text.len);
	str_done(&text);
}

static inline void make_huge_manifest(void)
{
	struct str text = { 0 };

	str_add(&text, "{\"schemaVersion\":2}");
	fill_up(&text, 4 << 20);
	put_manifest(&text);
}

static inline void make_huge_config(void)
{
	struct str text = { 0 };

	str_add(&text, "{}");
	fill_up(&text, 8 << 20);
	put_config(&text, GOOD_DIGEST, 9);
}

static inline void make_deep_index(void)
{
	struct str text = { 0 };

	layout_rooms();
	str_add(&text, "{\"schemaVersion\":2,\"x\":");
	for (int i = 0; i < 10000; i++)
		str_add(&text, "[");
	scene_write("layout/index.json", text.data, text.len);
	str_done(&text);
}

static inline void make_many_values(void)
{
	struct str text = { 0 };

	layout_rooms();
	str_add(&text, "{\"schemaVersion\":2,\"x\":[0");
	for (int i = 0; i < 200000; i++)
		str_add(&text, ",0");
	str_add(&text, "],\"manifests\":[]}");
	scene_write("layout/index.json", text.data, text.len);
	str_done(&text);
}

static inline void put_manifest_text(const char *text)
{
	struct str s = { 0 };

	str_add(&s, text);
	put_manifest(&s);
}

static inline void make_duplicate_keys(void)
{
	put_manifest_text(
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" CONFIG_TYPE
		"\",\"digest\":\"" GOOD_DIGEST "\",\"size\":1,\"size\":2},\"layers\":[]}");
}

/* CVE-2021-41190 */
static inline void make_manifest_and_index(void)
{
	put_manifest_text("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" CONFIG_TYPE
			  "\",\"digest\":\"" GOOD_DIGEST
			  "\",\"size\":1},\"layers\":[],\"manifests\":[{\"digest\":\"" GOOD_DIGEST
			  "\",\"size\":1}]}");
}

static inline void make_negative_size(void)
{
	put_manifest_text("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" CONFIG_TYPE
			  "\",\"digest\":\"" GOOD_DIGEST "\",\"size\":-1},\"layers\":[]}");
}

static inline void make_501_layers(void)
{
	struct str text = { 0 };

	str_add(&text, "{\"schemaVersion\":2,\"config\":");
	add_descriptor(&text, CONFIG_TYPE, GOOD_DIGEST, 9);
	str_add(&text, "},\"layers\":[");
	for (int i = 0; i < 501; i++) {
		str_add(&text, i ? "," : "");
		add_descriptor(&text, LAYER_TAR, GOOD_DIGEST, 9);
		str_add(&text, "}");
	}
	str_add(&text, "]}");
	put_manifest(&text);
}

static inline void make_nested_indexes(void)
{
	struct str text = { 0 };

	put_manifest_text("{}");
	str_add(&text, "{\"schemaVersion\":2,\"manifests\":[]}");
	for (int i = 0; i < 6; i++) {
		struct digest_text digest = put_blob(&text);
		size_t n = text.len;
		text.len = 0;
		str_add(&text, "{\"schemaVersion\":2,\"manifests\":[");
		add_descriptor(&text, INDEX_TYPE, digest.text, n);
		str_add(&text, "}]}");
	}
	struct digest_text last = put_blob(&text);
	put_index(INDEX_TYPE, last.text, text.len);
	str_done(&text);
}

#endif
