/* Layouts and archives whose documents, digests, layers or members are not what they should be. */
#ifndef TESTS_UNIT_HOSTILE_IMAGES_H
#define TESTS_UNIT_HOSTILE_IMAGES_H

#include "tests/unit/hostile_documents.h"

struct hostile_image {
	enum hostile_row row;
	const char *name;
	void (*make)(void); /* "layout" in the scene, ... */
	const char *refusal;
	bool archive; /* ... or "archive" */
	struct import_options options;
};

/* --- layers -----------------------------------------------------------------------------------
 */

static inline void change_to_gzip_bomb(struct layers *l)
{
	pack_zeros(&l->all[0].blob, 8 << 20, false);
}

static inline void change_to_zstd_bomb(struct layers *l)
{
	pack_zeros(&l->all[0].blob, 8 << 20, true);
}

/* A frame header that asks for a window of 2 GiB. */
static inline void change_to_zstd_window(struct layers *l)
{
	static const unsigned char frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 1, 0, 0 };

	pack_replace(&l->all[0].blob, frame, sizeof(frame));
}

static inline void change_gzip_crc(struct layers *l)
{
	struct str *blob = &l->all[0].blob;

	pack_gzip(blob);
	blob->data[blob->len - 6] ^= 1;
}

static inline void change_gzip_length(struct layers *l)
{
	struct str *blob = &l->all[0].blob;

	pack_gzip(blob);
	blob->data[blob->len - 2] ^= 1;
}

static inline void change_zstd_checksum(struct layers *l)
{
	struct str *blob = &l->all[0].blob;

	pack_zstd(blob);
	blob->data[blob->len - 1] ^= 1;
}

static inline void change_gzip_cut(struct layers *l)
{
	pack_gzip(&l->all[0].blob);
	l->all[0].blob.len -= 9;
}

static inline void change_gzip_cut_checksum(struct layers *l)
{
	pack_gzip(&l->all[0].blob);
	l->all[0].blob.len -= 3;
}

static inline void change_zstd_cut(struct layers *l)
{
	pack_zstd(&l->all[0].blob);
	l->all[0].blob.len -= 1;
}

static inline void change_gzip_followed(struct layers *l)
{
	pack_gzip(&l->all[0].blob);
	str_add(&l->all[0].blob, "garbage");
}

static inline void change_zstd_followed(struct layers *l)
{
	pack_zstd(&l->all[0].blob);
	str_add(&l->all[0].blob, "garbage");
}

static inline void change_tar_followed(struct layers *l)
{
	str_add(&l->all[0].blob, "garbage");
	l->all[0].diff_id = digest_text_of(&l->all[0].blob);
}

#define PLAIN(name)                                                                                \
	static inline void make_##name(void)                                                       \
	{                                                                                          \
		put_plain(change_##name);                                                          \
	}
PLAIN(to_gzip_bomb)
PLAIN(to_zstd_bomb)
PLAIN(to_zstd_window)
PLAIN(gzip_crc)
PLAIN(gzip_length)
PLAIN(zstd_checksum)
PLAIN(gzip_cut)
PLAIN(gzip_cut_checksum)
PLAIN(zstd_cut)
PLAIN(gzip_followed)
PLAIN(zstd_followed)
PLAIN(tar_followed)

/* Its blob is not there: a URL says where it is, for others to fetch (CVE-2020-15157). */
static inline void make_foreign(void)
{
	struct str text = { 0 }, config = { 0 };

	str_addf(&config,
		"{\"architecture\":\"%s\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
		"\"diff_ids\":[\"" GOOD_DIGEST "\"]}}",
		layout_architecture());
	struct digest_text digest = put_blob(&config);
	str_add(&text, "{\"schemaVersion\":2,\"config\":");
	add_descriptor(&text, CONFIG_TYPE, digest.text, config.len);
	str_add(&text, "},\"layers\":[");
	add_descriptor(
		&text, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", GOOD_DIGEST, 9);
	str_addf(&text, ",\"urls\":[\"file://%s\",\"http://127.0.0.1:1/x\"]}]}",
		scene_path("canary/file"));
	str_done(&config);
	put_manifest(&text);
}

/* --- in a blob's or member's place ------------------------------------------------------------
 */

static inline void replace_layer(bool fifo)
{
	struct layers l = { 0 };
	char name[120];

	layers_add(&l, layer_rows, 1);
	layout_write(&l, "t");
	snprintf(name, sizeof(name), "layout/blobs/sha256/%s",
		digest_hex(digest_text_of(&l.all[0].blob).text));
	unlink(scene_path(name));
	ck_assert_int_eq(
		fifo ? mkfifo(scene_path(name), 0600) : symlink("/etc/passwd", scene_path(name)),
		0);
	layers_done(&l);
}

static inline void make_fifo_layer(void)
{
	replace_layer(true);
}

static inline void make_symlink_layer(void)
{
	replace_layer(false);
}

static inline void make_fifo_index(void)
{
	layout_rooms();
	ck_assert_int_eq(mkfifo(scene_path("layout/index.json"), 0600), 0);
}

/* What `docker save` writes, but for one member. */
static inline void put_docker(const char *config, const char *layer, const struct tar_row *member)
{
	struct tarball t = { 0 };
	struct str manifest = { 0 }, text = { 0 };

	str_addf(&text,
		"{\"architecture\":\"%s\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
		"\"diff_ids\":[\"" GOOD_DIGEST "\"]}}",
		layout_architecture());
	str_addf(&manifest, "[{\"Config\":\"%s\",\"RepoTags\":[\"t:1\"],\"Layers\":[\"%s\"]}]",
		config, layer);
	tarball_add(&t, &(struct tar_row){ .name = "config.json", .data = text.data });
	tarball_add(&t, member);
	tarball_add(&t, &(struct tar_row){ .name = "manifest.json", .data = manifest.data });
	tarball_end(&t);
	scene_write("archive", t.bytes.data, t.bytes.len);
	str_done(&manifest);
	str_done(&text);
	tarball_done(&t);
}

#define DOCKER(id, config, layer, ...)                                                             \
	static inline void make_docker_##id(void)                                                  \
	{                                                                                          \
		put_docker(config, layer, &(struct tar_row){ __VA_ARGS__ });                       \
	}
DOCKER(link_absolute, "config.json", "l", .name = "l", .link = "/etc/passwd", .type = '2')
DOCKER(link_up, "config.json", "l", .name = "l", .link = "../../../../etc/passwd", .type = '2')
DOCKER(link_circle, "config.json", "l", .name = "l", .link = "l", .type = '2')
DOCKER(link_config, "l", "l", .name = "l", .link = "/proc/self/environ", .type = '2')
DOCKER(hard_link, "config.json", "l", .name = "l", .link = "/etc/passwd", .type = '1')
DOCKER(device, "config.json", "l", .name = "l", .type = '3', .major = 1, .minor = 3)
DOCKER(layer_path, "config.json", "../../canary/file", .name = "l")
DOCKER(config_path, "/etc/passwd", "l", .name = "l")
DOCKER(member_path, "config.json", "l", .name = "../../escaped", .data = "x")

static const struct hostile_image images[] = {
	{ ROW_DIGEST, "a layer of other bytes", make_layer_damage, "is corrupt: its digest is" },
	{ ROW_DIGEST, "a layer of more bytes", make_layer_longer, "it should have" },
	{ ROW_DIGEST, "another diffID", make_wrong_diff_id, "its diffID is sha256:" },
	{ ROW_DIGEST, "a negative size", make_negative_size, "config.size" },
	{ ROW_DIGEST_PATH, "in the index", make_index_path, "manifests[0].digest: '" BAD_DIGEST },
	{ ROW_DIGEST_PATH, "of the config", make_config_path, "config.digest: '" BAD_DIGEST },
	{ ROW_DIGEST_PATH, "of a layer", make_layer_path, "layers[0].digest: '" BAD_DIGEST },
	{ ROW_DIGEST_PATH, "a diffID", make_diff_id_path, "diff_ids[0]: '" BAD_DIGEST },
	{ ROW_DIGEST_PATH, "a docker layer", make_docker_layer_path,
		"'../../canary/file' is not in", true },
	{ ROW_DIGEST_PATH, "a docker config", make_docker_config_path, "'/etc/passwd' is not in",
		true },
	{ ROW_JSON, "a huge index", make_huge_index, "'index.json' in" },
	{ ROW_JSON, "a huge manifest", make_huge_manifest, "more than the 4194304 bytes" },
	{ ROW_JSON, "a huge config", make_huge_config, "more than the 8388608 bytes" },
	{ ROW_JSON, "a deep index", make_deep_index, "nested deeper than 64" },
	{ ROW_JSON, "many values", make_many_values, "the number of values exceeds" },
	{ ROW_JSON, "duplicate keys", make_duplicate_keys, "size" },
	{ ROW_JSON, "a manifest and an index", make_manifest_and_index,
		"manifests: is an index's" },
	{ ROW_JSON, "501 layers", make_501_layers, "501 layers, more than the 500 allowed" },
	{ ROW_JSON, "indexes in indexes", make_nested_indexes, "nested too deeply" },
	{ ROW_BOMB, "gzip", make_to_gzip_bomb, "unpacks to more than the 1 MiB", false,
		{ .max_bytes = 1 << 20 } },
	{ ROW_BOMB, "zstd", make_to_zstd_bomb, "unpacks to more than the 1 MiB", false,
		{ .max_bytes = 1 << 20 } },
	{ ROW_BOMB, "a zstd window of 2 GiB", make_to_zstd_window, "requires too much memory" },
	{ ROW_CUT, "gzip's checksum", make_gzip_crc, "gzip checksum is wrong" },
	{ ROW_CUT, "gzip's length", make_gzip_length, "gzip" },
	{ ROW_CUT, "zstd's checksum", make_zstd_checksum, "checksum" },
	{ ROW_CUT, "gzip cut off", make_gzip_cut, "gzip data is cut off" },
	{ ROW_CUT, "gzip without its end", make_gzip_cut_checksum, "gzip data is cut off" },
	{ ROW_CUT, "zstd cut off", make_zstd_cut, "zstd data is cut off" },
	{ ROW_CUT, "garbage behind gzip", make_gzip_followed, "something follows" },
	{ ROW_CUT, "garbage behind zstd", make_zstd_followed, "zstd says" },
	{ ROW_CUT, "garbage behind a tar", make_tar_followed, "something follows the archive" },
	{ ROW_FOREIGN, "urls to the host", make_foreign, "is kept elsewhere" },
	{ ROW_FIFO, "a layer's", make_fifo_layer, "not a regular file" },
	{ ROW_FIFO, "an index's", make_fifo_index, "not a regular file" },
	{ ROW_SYMLINK, "a layer's", make_symlink_layer, "too many levels" },
	{ ROW_ARCHIVE_LINK, "absolute", make_docker_link_absolute, "'l' is not in", true },
	{ ROW_ARCHIVE_LINK, "upwards", make_docker_link_up, "'l' is not in", true },
	{ ROW_ARCHIVE_LINK, "to itself", make_docker_link_circle, "'l' is not in", true },
	{ ROW_ARCHIVE_LINK, "a config", make_docker_link_config, "'l' is not in", true },
	{ ROW_ARCHIVE_LINK, "hard", make_docker_hard_link, "'l' is not in", true },
	{ ROW_ARCHIVE_LINK, "a device", make_docker_device, "'l' is not in", true },
	{ ROW_ARCHIVE_LINK, "a member outside", make_docker_member_path, "'../../escaped'", true },
};

#endif
