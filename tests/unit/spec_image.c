/* Image documents as strangers write them. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spec/image.h"
#include "tests/unit/run.h"

#define HEX "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define DIGEST "sha256:" HEX
#define DESCRIPTOR(type) "{\"mediaType\":\"" type "\",\"digest\":\"" DIGEST "\",\"size\":2}"
#define CONFIG DESCRIPTOR("application/vnd.oci.image.config.v1+json")
#define GZIP DESCRIPTOR("application/vnd.oci.image.layer.v1.tar+gzip")
#define MANIFEST DESCRIPTOR("application/vnd.oci.image.manifest.v1+json")

START_TEST(digests)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ DIGEST, true },
		{ NULL, false },
		{ "", false },
		{ "sha256:", false },
		{ HEX, false },
		{ "sha256:" HEX "0", false },
		{ "sha256:4136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", false },
		{ "sha256:44136FA355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
			false },
		{ "SHA256:" HEX, false },
		{ "sha512:" HEX HEX, false },
		{ "sha256:../../../../../../../../../../../../../../../../../../../../../etc/pas",
			false },
		{ "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8\n",
			false },
		{ " sha256:" HEX, false },
	};

	ck_assert_msg(digest_check(rows[_i].text) == rows[_i].good, "'%s'", rows[_i].text);
	if (rows[_i].good)
		ck_assert_str_eq(digest_hex(rows[_i].text), HEX);
}
END_TEST

START_TEST(media)
{
	static const struct {
		const char *name;
		enum media_kind kind;
		enum compression compression;
		bool foreign;
	} rows[] = {
		{ "application/vnd.oci.image.index.v1+json", MEDIA_INDEX, 0, false },
		{ "application/vnd.docker.distribution.manifest.list.v2+json", MEDIA_INDEX, 0,
			false },
		{ "application/vnd.docker.distribution.manifest.v2+json", MEDIA_MANIFEST, 0,
			false },
		{ "application/vnd.docker.container.image.v1+json", MEDIA_CONFIG, 0, false },
		{ "application/vnd.oci.image.layer.v1.tar", MEDIA_LAYER, COMPRESSION_NONE, false },
		{ "application/vnd.oci.image.layer.v1.tar+zstd", MEDIA_LAYER, COMPRESSION_ZSTD,
			false },
		{ "application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_LAYER,
			COMPRESSION_GZIP, false },
		{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER,
			COMPRESSION_GZIP, true },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar", MEDIA_LAYER,
			COMPRESSION_NONE, true },
	};
	const struct media_type *m = media_type_of(rows[_i].name);

	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(m->kind, rows[_i].kind);
	ck_assert_int_eq(m->compression, rows[_i].compression);
	ck_assert_int_eq(m->foreign, rows[_i].foreign);
	ck_assert_ptr_null(media_type_of("application/octet-stream"));
	ck_assert_ptr_null(media_type_of(NULL));
}
END_TEST

START_TEST(reads_index)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"manifests\":["
		"{\"mediaType\":\"application/vnd.example.sbom\",\"digest\":\"" DIGEST
		"\",\"size\":1},"
		"{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"" DIGEST
		"\",\"size\":3,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\","
		"\"variant\":\"v8\"}},"
		"{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"" DIGEST
		"\",\"size\":4,\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"},"
		"\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}}]}";
	automatic(index_doc) struct index_doc index = { 0 };
	struct err e = { 0 };

	ck_assert_msg(index_parse("index.json", text, strlen(text), &index, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(index.n_manifests, 3);
	const struct descriptor *d = index_select(&index, "linux", "amd64", NULL);
	ck_assert_uint_eq(d->size, 4);
	ck_assert_str_eq(descriptor_annotation(d, ANNOTATION_REF_NAME), "v1");
	ck_assert_ptr_null(descriptor_annotation(d, ANNOTATION_IMAGE_NAME));
	ck_assert_uint_eq(index_select(&index, "linux", "arm64", "v8")->size, 3);
	ck_assert_uint_eq(index_select(&index, "linux", "arm64", NULL)->size, 3);
	ck_assert_ptr_null(index_select(&index, "linux", "arm64", "v9"));
	ck_assert_ptr_null(index_select(&index, "linux", "s390x", NULL));
}
END_TEST

/* As tools write it that know one platform only. */
START_TEST(selects_without_platform)
{
	static const char text[] = "{\"schemaVersion\":2,\"manifests\":[" MANIFEST "]}";
	automatic(index_doc) struct index_doc index = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(index_parse("index.json", text, strlen(text), &index, &e), 0);
	ck_assert_ptr_eq(index_select(&index, "linux", "riscv64", NULL), &index.manifests[0]);
}
END_TEST

START_TEST(reads_manifest)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"config\":" CONFIG ",\"layers\":[" GZIP "," GZIP "]}";
	automatic(manifest_doc) struct manifest_doc m = { 0 };
	automatic(str) struct str out = { 0 };
	struct err e = { 0 };

	ck_assert_msg(manifest_parse("m", text, strlen(text), &m, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(m.n_layers, 2);
	ck_assert_str_eq(m.layers[1].digest, DIGEST);
	manifest_write(&m, &out);
	ck_assert_str_eq(out.data, text);
}
END_TEST

START_TEST(manifest_without_layers)
{
	static const char text[] = "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[]}";
	automatic(manifest_doc) struct manifest_doc m = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(manifest_parse("m", text, strlen(text), &m, &e), 0);
	ck_assert_uint_eq(m.n_layers, 0);
}
END_TEST

enum document { INDEX, MANIFEST_DOC, IMAGE_CONFIG, ARCHIVE, LAYOUT, RECORD };

static int parse(enum document kind, const char *text, size_t len, struct err *e)
{
	automatic(index_doc) struct index_doc index = { 0 };
	automatic(manifest_doc) struct manifest_doc manifest = { 0 };
	automatic(image_config) struct image_config config = { 0 };
	automatic(docker_archive) struct docker_archive archive = { 0 };
	automatic(image_record) struct image_record record = { 0 };

	switch (kind) {
	case INDEX:
		return index_parse("doc", text, len, &index, e);
	case MANIFEST_DOC:
		return manifest_parse("doc", text, len, &manifest, e);
	case IMAGE_CONFIG:
		return image_config_parse("doc", text, len, &config, e);
	case ARCHIVE:
		return docker_archive_parse("doc", text, len, &archive, e);
	case LAYOUT:
		return image_layout_check("doc", text, len, e);
	case RECORD:
		return image_record_parse("doc", text, len, &record, e);
	}
	return 0;
}

static const struct {
	enum document kind;
	const char *text, *error;
} refusals[] = {
	{ INDEX, "{", "doc:1:2: string or '}' expected near end of file" },
	{ INDEX, "{}", "doc: schemaVersion: missing" },
	{ INDEX, "{\"schemaVersion\":2}", "doc: manifests: missing" },
	{ INDEX, "{\"schemaVersion\":1,\"manifests\":[]}",
		"doc: schemaVersion: 1 is not supported, only 2" },
	{ INDEX, "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[" GZIP "]}",
		"doc: layers: is a manifest's, and this is an index" },
	{ INDEX, "{\"schemaVersion\":2,\"manifests\":[],\"config\":" CONFIG "}",
		"doc: config: is a manifest's, and this is an index" },
	{ INDEX,
		"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"manifests\":[]}",
		"doc: mediaType: 'application/vnd.oci.image.manifest.v1+json' is not that of an "
		"index" },
	{ INDEX, "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:../x\",\"size\":1}]}",
		"doc: manifests[0].digest: 'sha256:../x' is no sha256 digest" },
	{ INDEX, "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" DIGEST "\"}]}",
		"doc: manifests[0].size: missing" },
	{ INDEX, "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" DIGEST "\",\"size\":-1}]}",
		"doc: manifests[0].size: -1 is out of range (0 to 18446744073709551615)" },
	{ INDEX,
		"{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" DIGEST
		"\",\"size\":9223372036854775808}]}",
		"doc: manifests[0].size: 9223372036854775808 is out of range (0 to "
		"9223372036854775807)" },
	{ MANIFEST_DOC, "{\"schemaVersion\":2,\"layers\":[]}", "doc: config: missing" },
	{ MANIFEST_DOC, "{\"schemaVersion\":2,\"config\":" CONFIG "}", "doc: layers: missing" },
	{ MANIFEST_DOC,
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"manifests\":[" MANIFEST
		"]}",
		"doc: manifests: is an index's, and this is a manifest" },
	{ MANIFEST_DOC, "{\"schemaVersion\":2,\"config\":" GZIP ",\"layers\":[]}",
		"doc: config.mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' is not an "
		"image's" },
	{ MANIFEST_DOC,
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" GZIP "," CONFIG "]}",
		"doc: layers[1].mediaType: 'application/vnd.oci.image.config.v1+json' is not "
		"supported" },
	{ MANIFEST_DOC,
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[{\"digest\":\"" DIGEST
		"\",\"size\":1}]}",
		"doc: layers[0].mediaType: '' is not supported" },
	{ IMAGE_CONFIG, "{\"architecture\":\"amd64\",\"os\":\"linux\"}", "doc: rootfs: missing" },
	{ IMAGE_CONFIG, "{\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\"}}",
		"doc: os: missing" },
	{ IMAGE_CONFIG,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"erofs\","
		"\"diff_ids\":[]}}",
		"doc: rootfs.type: 'erofs' is unknown (known: layers)" },
	{ IMAGE_CONFIG,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
		"\"diff_ids\":[\"" DIGEST "\",\"x\"]}}",
		"doc: rootfs.diff_ids[1]: 'x' is no sha256 digest" },
	{ IMAGE_CONFIG,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":\"sh\"},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
		"doc: config.Cmd: expected a list, found 'sh'" },
	{ IMAGE_CONFIG, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"os\":\"linux\"}",
		"doc:1:38: duplicate object key near '\"os\"'" },
	{ ARCHIVE, "{}", "doc: expected a list, found an object" },
	{ ARCHIVE, "[{\"Layers\":[]}]", "doc: [0].Config: missing" },
	{ LAYOUT, "{\"imageLayoutVersion\":\"2.0.0\"}",
		"doc: imageLayoutVersion: '2.0.0' is not supported, only 1.x" },
	{ LAYOUT, "{}", "doc: imageLayoutVersion: missing" },
	{ RECORD, "{\"ref\":\"a\",\"config\":\"../x\",\"layers\":[]}",
		"doc: config: no sha256 digest" },
	{ RECORD, "{\"ref\":\"a\",\"manifest\":\"x\",\"config\":\"" DIGEST "\",\"layers\":[]}",
		"doc: manifest: no sha256 digest" },
	{ RECORD, "{\"ref\":\"a\",\"config\":\"" DIGEST "\",\"layers\":[\"" HEX "\"]}",
		"doc: layers[0]: '" HEX "' is no sha256 digest" },
};

START_TEST(refuses)
{
	struct err e = { 0 };
	int r = parse(refusals[_i].kind, refusals[_i].text, strlen(refusals[_i].text), &e);

	ck_assert_msg(r < 0, "taken: %s", refusals[_i].text);
	ck_assert_int_eq(r, -e.code);
	ck_assert_str_eq(e.text, refusals[_i].error);
}
END_TEST

static void add_many(struct str *text, const char *item, size_t n)
{
	for (size_t i = 0; i < n; i++)
		str_addf(text, "%s%s", i ? "," : "", item);
}

START_TEST(bounds_layers)
{
	automatic(str) struct str manifest = { 0 }, config = { 0 };
	struct err e = { 0 };

	str_add(&manifest, "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[");
	str_add(&config, "{\"architecture\":\"a\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
			 "\"diff_ids\":[");
	add_many(&manifest, GZIP, IMAGE_LAYERS_MAX + (size_t)_i);
	add_many(&config, "\"" DIGEST "\"", IMAGE_LAYERS_MAX + (size_t)_i);
	str_add(&manifest, "]}");
	str_add(&config, "]}}");
	int expect = _i ? -EFBIG : 0;
	ck_assert_int_eq(parse(MANIFEST_DOC, manifest.data, manifest.len, &e), expect);
	ck_assert_int_eq(parse(IMAGE_CONFIG, config.data, config.len, &e), expect);
	if (_i)
		ck_assert_str_eq(
			e.text, "doc: rootfs.diff_ids: 501 layers, more than the 500 allowed");
}
END_TEST

START_TEST(bounds_bytes)
{
	autofree char *text = malloc(IMAGE_CONFIG_MAX + 1);
	struct err e = { 0 };

	memset(text, ' ', IMAGE_CONFIG_MAX + 1);
	ck_assert_int_eq(parse(INDEX, text, IMAGE_DOCUMENT_MAX + 1, &e), -EFBIG);
	ck_assert_str_eq(e.text, "doc: 4194305 bytes, more than the 4194304 allowed");
	ck_assert_int_eq(parse(MANIFEST_DOC, text, IMAGE_DOCUMENT_MAX + 1, &e), -EFBIG);
	ck_assert_int_eq(parse(IMAGE_CONFIG, text, IMAGE_CONFIG_MAX + 1, &e), -EFBIG);
	ck_assert_int_eq(parse(IMAGE_CONFIG, text, IMAGE_CONFIG_MAX, &e), -EINVAL);
}
END_TEST

START_TEST(reads_config)
{
	static const char text[] =
		"{\"created\":\"2026-01-02T03:04:05Z\",\"architecture\":\"amd64\",\"os\":\"linux\","
		"\"config\":{\"User\":\"web\",\"ExposedPorts\":{\"80/tcp\":{}},\"Env\":[\"A=1\"],"
		"\"Entrypoint\":[\"/e\"],\"Cmd\":[\"a\",\"b\"],\"Volumes\":{\"/data\":{}},"
		"\"WorkingDir\":\"/w\",\"Labels\":{\"l\":\"v\"},\"StopSignal\":\"SIGINT\"},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST "\"]}}";
	automatic(image_config) struct image_config c = { 0 };
	automatic(str) struct str out = { 0 };
	struct err e = { 0 };

	ck_assert_msg(image_config_parse("c", text, strlen(text), &c, &e) == 0, "%s", e.text);
	ck_assert_str_eq(c.config.user, "web");
	ck_assert_str_eq(c.config.cmd[1], "b");
	ck_assert_str_eq(c.config.volumes[0], "/data");
	ck_assert_str_eq(c.config.exposed_ports[0], "80/tcp");
	ck_assert_str_eq(c.diff_ids[0], DIGEST);
	image_config_write(&c, &out);
	ck_assert_str_eq(out.data, text);
}
END_TEST

/* What docker writes: nulls, history, and keys that are nobody's. */
START_TEST(reads_config_of_docker)
{
	static const char text[] =
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"docker_version\":\"20\","
		"\"container_config\":{\"Cmd\":null},\"config\":{\"Hostname\":\"\",\"Env\":null,"
		"\"Cmd\":[\"bash\"],\"Image\":\"\",\"Volumes\":null,\"Entrypoint\":null,"
		"\"OnBuild\":null,\"Labels\":null},\"history\":[{\"created_by\":\"x\","
		"\"empty_layer\":true}],\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}";
	automatic(image_config) struct image_config c = { 0 };
	struct err e = { 0 };

	ck_assert_msg(image_config_parse("c", text, strlen(text), &c, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(c.config.n_cmd, 1);
	ck_assert_uint_eq(c.config.n_volumes, 0);
}
END_TEST

START_TEST(writes_config_of_rootfs)
{
	char *ids[] = { (char *)DIGEST };
	const struct image_config c = { .architecture = (char *)"amd64",
		.os = (char *)"linux",
		.diff_ids = ids,
		.n_diff_ids = 1 };
	automatic(str) struct str out = { 0 };

	image_config_write(&c, &out);
	ck_assert_str_eq(out.data,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
		"\"diff_ids\":[\"" DIGEST "\"]}}");
}
END_TEST

START_TEST(reads_archive)
{
	static const char text[] =
		"[{\"Config\":\"abc.json\",\"RepoTags\":null,\"Layers\":[\"a/layer.tar\"]},"
		"{\"Config\":\"d.json\",\"RepoTags\":[\"x:1\",\"y:2\"],\"Layers\":null}]";
	automatic(docker_archive) struct docker_archive a = { 0 };
	struct err e = { 0 };

	ck_assert_msg(docker_archive_parse("manifest.json", text, strlen(text), &a, &e) == 0, "%s",
		e.text);
	ck_assert_uint_eq(a.n_images, 2);
	ck_assert_str_eq(a.images[0].layers[0], "a/layer.tar");
	ck_assert_uint_eq(a.images[0].n_repo_tags, 0);
	ck_assert_str_eq(a.images[1].repo_tags[1], "y:2");
}
END_TEST

START_TEST(keeps_record)
{
	char *layers[] = { (char *)DIGEST };
	const struct image_record r = { .ref = (char *)"debian:bookworm",
		.config = (char *)DIGEST,
		.layers = layers,
		.n_layers = 1,
		.size = UINT64_MAX,
		.pulled_at = (char *)"2026-01-02T03:04:05Z" };
	automatic(image_record) struct image_record again = { 0 };
	automatic(str) struct str out = { 0 };
	struct err e = { 0 };

	image_record_write(&r, &out);
	ck_assert_msg(image_record_parse("r", out.data, out.len, &again, &e) == 0, "%s", e.text);
	ck_assert_str_eq(again.ref, r.ref);
	ck_assert_ptr_null(again.manifest);
	ck_assert_uint_eq(again.size, UINT64_MAX);
	ck_assert_str_eq(again.layers[0], DIGEST);
	ck_assert_ptr_null(again.created);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_image");
	TCase *cases = tcase_create("documents");

	tcase_add_loop_test(cases, digests, 0, 13);
	tcase_add_loop_test(cases, media, 0, 9);
	tcase_add_test(cases, reads_index);
	tcase_add_test(cases, selects_without_platform);
	tcase_add_test(cases, reads_manifest);
	tcase_add_test(cases, manifest_without_layers);
	tcase_add_loop_test(cases, refuses, 0, (int)(sizeof(refusals) / sizeof(refusals[0])));
	tcase_add_loop_test(cases, bounds_layers, 0, 2);
	tcase_add_test(cases, bounds_bytes);
	tcase_add_test(cases, reads_config);
	tcase_add_test(cases, reads_config_of_docker);
	tcase_add_test(cases, writes_config_of_rootfs);
	tcase_add_test(cases, reads_archive);
	tcase_add_test(cases, keeps_record);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
