/*
 * Every form in which images are handed over: layouts with nested indexes, several names and foreign
 * kinds of entries, and what docker save has written over the years.
 */
#include "overlay/layer.h"
#include "tests/unit/layers.h"
#include "tests/unit/packers.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define REF "org.opencontainers.image.ref.name"
#define FULL "io.containerd.image.name"

static const struct import_options usual;
static const struct tar_row lower[] = { { "d/", .type = '5' }, { "d/1", .data = "one" } };
static const struct tar_row upper[] = { { "d/2", .data = "two" } };

/* --- writing ------------------------------------------------------------------------------------
 */

static void rooms(void)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

	mkdir(scene_path("layout"), 0755);
	mkdir(scene_path("layout/blobs"), 0755);
	mkdir(scene_path("layout/blobs/sha256"), 0755);
	scene_write("layout/oci-layout", version, sizeof(version) - 1);
}

struct entry {
	const char *type;
	struct digest_text digest;
	const char *os, *architecture, *variant; /* NULL: it says no platform */
	const char *ref, *full;
};

static struct str index_text(const struct entry *entries, size_t n)
{
	struct str text = { 0 };

	str_add(&text, "{\"schemaVersion\":2,\"manifests\":[");
	for (size_t i = 0; i < n; i++) {
		const struct entry *x = &entries[i];
		str_addf(&text, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu",
			i ? "," : "", x->type, x->digest.text, layout_size(x->digest.text));
		if (x->os)
			str_addf(&text,
				",\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\"%s%s%s}",
				x->os, x->architecture, x->variant ? ",\"variant\":\"" : "",
				x->variant ? x->variant : "", x->variant ? "\"" : "");
		str_add(&text, ",\"annotations\":{\"x\":\"y\"");
		if (x->ref)
			str_addf(&text, ",\"" REF "\":\"%s\"", x->ref);
		if (x->full)
			str_addf(&text, ",\"" FULL "\":\"%s\"", x->full);
		str_add(&text, "}}");
	}
	str_add(&text, "]}");
	return text;
}

static void put_index(const struct entry *entries, size_t n)
{
	struct str text = index_text(entries, n);

	scene_write("layout/index.json", text.data, text.len);
	str_done(&text);
}

static struct digest_text put_nested(const struct entry *entries, size_t n)
{
	struct str text = index_text(entries, n);
	struct digest_text digest = layout_blob(&text);

	str_done(&text);
	return digest;
}

/* An image of one layer with one file of that name. */
static struct digest_text put_image(const char *file)
{
	struct layers l = { 0 };
	struct tar_row row = { file, .data = file };

	rooms();
	layers_add(&l, &row, 1);
	struct digest_text digest = layout_manifest(&l);
	layers_done(&l);
	return digest;
}

/* --- reading ------------------------------------------------------------------------------------
 */

static int load(const char *what)
{
	return scene_load(what, &usual);
}

static void expect(const char *what)
{
	int r = load(what);

	ck_assert_msg(r == 0, "%s", scene_err.text);
	scene_check_clean();
}

static void expect_refusal(const char *what, const char *reason)
{
	int r = load(what);

	ck_assert_msg(r < 0, "was taken");
	ck_assert_msg(strstr(scene_err.text, reason) != NULL, "%s", scene_err.text);
	ck_assert_int_eq(scene_count("store/images"), 0);
	scene_check_clean();
}

/* The image has so many layers, and the uppermost has that file. */
static void check(const char *name, size_t n_layers, const char *file)
{
	automatic(image) struct image image = { 0 };
	char path[400];

	int r = image_find(&scene_store, name, &image, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	ck_assert_str_eq(image.record.ref, name);
	ck_assert_uint_eq(image.record.n_layers, n_layers);
	if (!file)
		return;
	snprintf(path, sizeof(path), "store/layers/%s/fs/%s",
		digest_hex(image.record.layers[n_layers - 1]), file);
	ck_assert_msg(access(scene_path(path), F_OK) == 0, "no '%s' in %s", file, name);
}

/* --- layouts ------------------------------------------------------------------------------------
 */

START_TEST(takes_the_image_for_this_machine)
{
	const char *here = layout_architecture();
	struct entry machines[] = {
		{ MANIFEST_TYPE, put_image("other-os"), "windows", here },
		{ MANIFEST_TYPE, put_image("other-machine"), "linux", "s390x" },
		{ MANIFEST_TYPE, put_image("this"), "linux", here },
		{ MANIFEST_TYPE, put_image("second"), "linux", here, "v9" },
		{ MANIFEST_TYPE, put_image("attestation"), "unknown", "unknown" },
	};
	struct entry all = { INDEX_TYPE, put_nested(machines, 5), .ref = "t:1" };

	put_index(&all, 1);
	expect("layout");
	check("t:1", 1, "this");
	ck_assert_int_eq(scene_count("store/layers"), 1);
}
END_TEST

START_TEST(takes_a_variant_of_this_machine)
{
	struct entry machines[] = { { MANIFEST_TYPE, put_image("this"), "linux",
		layout_architecture(), "v8" } };
	struct entry nested = { INDEX_TYPE, put_nested(machines, 1) };
	struct entry all = { INDEX_TYPE, put_nested(&nested, 1), .ref = "t:1" };

	put_index(&all, 1);
	expect("layout");
	check("t:1", 1, "this");
}
END_TEST

START_TEST(refuses_other_machines)
{
	struct entry machines[] = { { MANIFEST_TYPE, put_image("x"), "linux", "s390x" } };
	struct entry all = { INDEX_TYPE, put_nested(machines, 1), .ref = "t:1" };

	put_index(&all, 1);
	expect_refusal("layout", "image 't:1' has no variant for linux/");
}
END_TEST

START_TEST(takes_several_images_and_names)
{
	struct digest_text one = put_image("one"), two = put_image("two");
	struct entry all[] = {
		{ MANIFEST_TYPE, one, .ref = "latest", .full = "docker.io/library/one:latest" },
		{ MANIFEST_TYPE, one, .ref = "one:again" },
		{ MANIFEST_TYPE, two, .ref = "two" },
		{ MANIFEST_TYPE, two },
		{ "application/vnd.of.something.else", two, .ref = "three" },
	};

	put_index(all, 5);
	expect("layout");
	check("docker.io/library/one:latest", 1, "one");
	check("one:again", 1, "one");
	check("two:latest", 1, "two");
	ck_assert_int_eq(scene_count("store/images"), 3);
	ck_assert_int_eq(scene_count("store/layers"), 2);
}
END_TEST

/* Helm charts, signatures and the like; and layers of kinds that are no tars. */
START_TEST(refuses_what_is_no_image)
{
	static const struct {
		const char *config, *layer, *reason;
	} kinds[] = {
		{ "application/vnd.cncf.helm.config.v1+json", LAYER_TAR,
			"config.mediaType: 'application/vnd.cncf.helm.config.v1+json'" },
		{ "application/vnd.oci.empty.v1+json", LAYER_TAR,
			"config.mediaType: 'application/vnd.oci.empty.v1+json'" },
		{ "application/vnd.oci.image.config.v1+json", "application/vnd.erofs.layer.v1",
			"layers[0].mediaType: 'application/vnd.erofs.layer.v1' is not supported" },
		{ "application/vnd.oci.image.config.v1+json", "text/plain",
			"layers[0].mediaType: 'text/plain' is not supported" },
	};
	struct str empty = { 0 }, text = { 0 };

	rooms();
	str_add(&empty, "{}");
	struct digest_text d = layout_blob(&empty);
	str_addf(&text,
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\","
		"\"size\":2},\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":2}]}",
		kinds[_i].config, d.text, kinds[_i].layer, d.text);
	struct entry entry = { MANIFEST_TYPE, layout_blob(&text), .ref = "t" };
	put_index(&entry, 1);
	expect_refusal("layout", kinds[_i].reason);
	str_done(&empty);
	str_done(&text);
}
END_TEST

START_TEST(takes_no_layers_at_all)
{
	struct layers l = { 0 };

	layers_load(&l, "t:1");
	check("t:1", 0, NULL);
}
END_TEST

START_TEST(takes_the_same_layer_twice)
{
	struct layers l = { 0 };

	layers_add(&l, lower, 2);
	layers_add(&l, upper, 1);
	layers_add(&l, lower, 2);
	layers_load(&l, "t:1");
	/* overlay would refuse it twice: the upper one hides the lower one */
	check("t:1", 2, "d/1");
	ck_assert_int_eq(scene_count("store/layers"), 2);
	layers_done(&l);
}
END_TEST

/* --- docker save --------------------------------------------------------------------------------
 */

struct docker {
	struct tarball t;
	struct layers l;
	struct str config;
};

/* The config of its layers; in the archive under that name. */
static void docker_config(struct docker *d, const char *name)
{
	struct digest_text digest;
	char path[120], *text;
	size_t n;

	rooms();
	digest = layout_config(&d->l);
	snprintf(path, sizeof(path), "layout/blobs/sha256/%s", digest_hex(digest.text));
	ck_assert_int_eq(
		fd_read_file(AT_FDCWD, scene_path(path), 1 << 20, &text, &n, &scene_err), 0);
	tarball_pax(&d->t, "path", name, strlen(name));
	tarball_add(&d->t, &(struct tar_row){ "x", .data = text, .data_len = n });
	free(text);
}

static void docker_layer(struct docker *d, size_t i, const char *name)
{
	tarball_pax(&d->t, "path", name, strlen(name));
	tarball_add(&d->t, &(struct tar_row){ "x", .data = d->l.all[i].blob.data,
				   .data_len = d->l.all[i].blob.len });
}

static void docker_file(struct docker *d, const char *name, const char *text)
{
	tarball_add(&d->t, &(struct tar_row){ name, .data = text });
}

static void docker_end(struct docker *d)
{
	tarball_end(&d->t);
	scene_write("archive", d->t.bytes.data, d->t.bytes.len);
	tarball_done(&d->t);
	layers_done(&d->l);
}

static void docker_begin(struct docker *d)
{
	layers_add(&d->l, lower, 2);
	layers_add(&d->l, upper, 1);
}

/* Docker up to 24, and all that was there for readers of its first format. */
START_TEST(takes_the_old_form_with_its_leftovers)
{
	struct docker d = { 0 };

	docker_begin(&d);
	tarball_add(&d.t, &(struct tar_row){ "1a/", .type = '5' });
	docker_file(&d, "1a/VERSION", "1.0");
	docker_file(&d, "1a/json", "{\"id\":\"1a\"}");
	docker_layer(&d, 0, "1a/layer.tar");
	docker_file(&d, "2b/VERSION", "1.0");
	tarball_add(&d.t, &(struct tar_row){ "2b/layer.tar", "../3c/layer.tar", '2' });
	docker_layer(&d, 1, "3c/layer.tar");
	docker_file(&d, "repositories", "{\"t\":{\"1\":\"2b\"}}");
	docker_config(&d, "config.json");
	docker_file(&d, "manifest.json",
		"[{\"Config\":\"config.json\",\"RepoTags\":[\"t:1\"],\"Layers\":[\"1a/layer.tar\","
		"\"2b/layer.tar\"]}]\n");
	docker_end(&d);
	expect("archive");
	check("t:1", 2, "d/2");
}
END_TEST

/* What tells of the others comes first, layers are compressed, and one image has two names. */
START_TEST(takes_any_order_and_packed_layers)
{
	struct docker d = { 0 };

	docker_begin(&d);
	pack_gzip(&d.l.all[0].blob);
	pack_zstd(&d.l.all[1].blob);
	docker_file(&d, "manifest.json",
		"[{\"Config\":\"c\",\"RepoTags\":[\"t:1\",\"t:2\"],\"Layers\":[\"1.tar\","
		"\"2.tar\"]},{\"Config\":\"c\",\"RepoTags\":[\"again:1\"],\"Layers\":[\"1.tar\","
		"\"2.tar\"]}]");
	docker_layer(&d, 1, "2.tar");
	docker_config(&d, "c");
	docker_layer(&d, 0, "1.tar");
	docker_end(&d);
	expect("archive");
	check("t:1", 2, "d/2");
	check("t:2", 2, "d/2");
	check("again:1", 2, "d/2");
	ck_assert_int_eq(scene_count("store/layers"), 2);
}
END_TEST

START_TEST(takes_an_image_without_a_name_by_a_given_one)
{
	struct docker d = { 0 };
	struct import_options named = { .name = "mine:1" };

	docker_begin(&d);
	docker_layer(&d, 0, "1.tar");
	docker_layer(&d, 1, "2.tar");
	docker_config(&d, "c");
	docker_file(&d, "manifest.json",
		"[{\"Config\":\"c\",\"RepoTags\":null,\"Layers\":[\"1.tar\",\"2.tar\"]}]");
	docker_end(&d);
	expect_refusal("archive", "give it one (--name)");
	ck_assert_int_eq(scene_load("archive", &named), 0);
	check("mine:1", 2, "d/2");
}
END_TEST

/* Docker from 25 on: a layout and the old list at once, of which the layout counts. */
START_TEST(takes_the_new_form)
{
	struct docker d = { 0 };
	char name[2][90], command[700], list[400];

	docker_begin(&d);
	for (size_t i = 0; i < 2; i++)
		snprintf(name[i], sizeof(name[i]), "blobs/sha256/%s",
			digest_hex(d.l.all[i].diff_id.text));
	if (_i == 0) {
		layout_write(&d.l, "docker.io/library/t:1");
		static const char other[] = "[{\"Config\":\"nowhere\"}]";
		scene_write("layout/manifest.json", other, sizeof(other) - 1);
		snprintf(command, sizeof(command), "tar -C %s/layout -cf %s/archive .", scene_dir,
			scene_dir);
		ck_assert_int_eq(system(command), 0);
		layers_done(&d.l);
	} else {
		docker_config(&d, "blobs/sha256/config");
		docker_layer(&d, 0, name[0]);
		docker_layer(&d, 1, name[1]);
		snprintf(list, sizeof(list),
			"[{\"Config\":\"blobs/sha256/config\",\"RepoTags\":"
			"[\"docker.io/library/t:1\"],\"Layers\":[\"%s\",\"%s\"],\"LayerSources\":{}}]",
			name[0], name[1]);
		docker_file(&d, "manifest.json", list);
		docker_end(&d);
	}
	expect("archive");
	check("docker.io/library/t:1", 2, "d/2");
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_test(cases, takes_the_image_for_this_machine);
	tcase_add_test(cases, takes_a_variant_of_this_machine);
	tcase_add_test(cases, refuses_other_machines);
	tcase_add_test(cases, takes_several_images_and_names);
	tcase_add_loop_test(cases, refuses_what_is_no_image, 0, 4);
	tcase_add_test(cases, takes_no_layers_at_all);
	tcase_add_test(cases, takes_the_same_layer_twice);
	tcase_add_test(cases, takes_the_old_form_with_its_leftovers);
	tcase_add_test(cases, takes_any_order_and_packed_layers);
	tcase_add_test(cases, takes_an_image_without_a_name_by_a_given_one);
	tcase_add_loop_test(cases, takes_the_new_form, 0, 2);
}

int main(void)
{
	return scene_run("overlay_load", fill);
}
