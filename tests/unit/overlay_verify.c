/*
 * The store held against what it took in: a store is as it was, whatever its layers hold, until
 * something is changed in it; then that is told, by its place and in one line.
 */
#include "overlay/verify.h"

#include <stdarg.h>

#include "overlay/claim.h"
#include "tests/unit/layers.h"
#include "tests/unit/scene.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static struct import_options usual; /* a test may change it: each has a process of its own */
static struct str told;
static struct verify_result result;

static void tell(void *to, const struct finding *f)
{
	static const char *const kinds[] = { "image", "layer", "document", "left", "kept", "note" };

	(void)to;
	str_addf(&told, "%s %s: %s\n", kinds[f->kind], f->path ? f->path : "-", f->what);
}

static const struct verify_options everything = { .tell = tell };

static void verify(void)
{
	told.len = 0;
	str_add(&told, "");
	verify_result_done(&result);
	int r = verify_store(&scene_store, &everything, &result, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
}

static void check_told(const char *expected)
{
	verify();
	ck_assert_str_eq(told.data, expected);
	scene_check_clean();
}

static void load_rows(const struct tar_row *rows, size_t n)
{
	struct tarball t = { 0 };

	for (size_t i = 0; i < n; i++)
		tarball_add(&t, &rows[i]);
	tarball_end(&t);
	int r = scene_import(&t, &usual);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	tarball_done(&t);
}

#define LOAD_ROWS(...)                                                                             \
	do {                                                                                       \
		const struct tar_row rows_[] = { __VA_ARGS__ };                                    \
		load_rows(rows_, sizeof(rows_) / sizeof(rows_[0]));                                \
	} while (0)

static char large[2000]; /* enough to be shared */

static void load_usual(void)
{
	memset(large, 'l', sizeof(large));
	LOAD_ROWS({ "d/large", .data = large, .data_len = sizeof(large) },
		{ "d/", .type = '5', .mode = 0750, .uid = 3 },
		{ "d/file", .data = "its content", .mode = 04755 },
		{ "d/other", .data = "something else" }, { "d/empty" }, { "hard", "d/file", '1' },
		{ "link", "d/file", '2' }, { "null", .type = '3', .major = 1, .minor = 3 },
		{ "fifo", .type = '6' }, { ".wh.gone" }, { "e/deep/.wh..wh..opq" },
		{ "e/deep/x", .data = "x" }, { "f", .data = "replaced" },
		{ "f", .data = "by this" }, { "g", .data = "one" }, { "h", "g", '1' },
		{ "g", .data = "two" });
}

/* A shell command in the layer's directory. */
static void change(const char *command)
{
	autofree char *text = str_format("cd '%s' && { %s; }", scene_layer(""), command);

	ck_assert_msg(system(text) == 0, "'%s' has failed", command);
}

static const struct {
	const char *command, *told;
} changes[] = {
	{ "true", "" },
	{ "chmod 0755 d/file", "layer d/file: its mode is 0755, it should be 4755\n"
			       "layer hard: its mode is 0755, it should be 4755\n" },
	{ "chown 7:8 null", "layer null: it belongs to 7:8, it should to 0:0\n" },
	{ "touch -h link", "layer link: its time is not the one that it had\n" },
	{ "touch d", "layer d: its time is not the one that it had\n" },
	{ "touch e", "" }, /* the tar does not name it */
	{ "setfattr -n user.x -v y d/file",
		"layer d/file: its extended attributes are not those that it had\n"
		"layer hard: its extended attributes are not those that it had\n" },
	{ "setfattr -x trusted.overlay.opaque e/deep",
		"layer e/deep: its extended attributes are not those that it had\n" },
	{ "touch -r d d/new && touch -d @1000000000 d", "layer d/new: it is not of this layer\n" },
	{ "rm d/other && touch -d @1000000000 d", "layer d/other: it is missing\n" },
	{ "rm gone", "layer gone: it is missing\n" },
	{ "mv null null2 && mknod null c 1 5 && chmod 644 null && touch -d @1000000000 null && rm null2",
		"layer null: it is another device\n" },
	{ "rm link && ln -s d/other link && touch -hd @1000000000 link",
		"layer link: the symbolic link leads elsewhere\n" },
	{ "rm fifo && mkdir fifo", "layer fifo: it is of another kind than it was\n" },
	{ "cp -a hard hard2 && mv hard2 hard", NULL },
	{ "rm ../kept/0", "layer f: it is missing\n" },
	{ "rm ../implicit",
		"layer -: its list of directories that the tar does not name is another one\n" },
	{ "rm ../recipe", "note -: it has no recipe of its tar: its files are not looked at\n" },
	{ "truncate -s 40 ../recipe", "layer -: its recipe has no sense\n" },
	{ "rm ../objects", NULL },
};

/* NULL: something is told. */
START_TEST(what_is_changed_is_told)
{
	load_usual();
	change(changes[_i].command);
	if (changes[_i].told) {
		check_told(changes[_i].told);
		return;
	}
	verify();
	ck_assert_uint_ne(result.findings, 0);
}
END_TEST

/* The same where files hold their content themselves. */
START_TEST(what_is_changed_is_told_unshared)
{
	usual.no_sharing = true;
	load_usual();
	check_told("");
	change("printf 'ITS content' | dd of=d/file conv=notrunc 2>/dev/null; touch -d @1000000000 d/file; chmod 4755 d/file");
	check_told("layer d/file: its content has changed\n");
	change("cp hard d/new; rm d/file; ln d/new d/file; rm d/new; touch -d @1000000000 d/file; chmod 4755 d/file; touch -d @1000000000 d");
	verify();
	ck_assert_ptr_nonnull(strstr(told.data, "layer hard: a hard link is broken\n"));
	change("truncate -s 3 d/other; touch -d @1000000000 d/other");
	verify();
	ck_assert_ptr_nonnull(
		strstr(told.data, "layer d/other: it has 3 bytes, it should have 14\n"));
	ck_assert_ptr_null(strstr(told.data, "shorter"));
}
END_TEST

START_TEST(a_content_that_is_shared)
{
	load_usual();
	change("printf L | dd of=$(echo ../../../objects/.wh.*/*) conv=notrunc 2>/dev/null");
	verify();
	ck_assert_msg(
		strstr(told.data, "layer d/large: its content is damaged (object ") == told.data,
		"%s", told.data);
	ck_assert_uint_eq(result.findings, 1);
}
END_TEST

/* What is taken away comes again by a load; a container's layers stay. */
START_TEST(repair)
{
	load_usual();
	change("chmod 0755 d/file; for f in ../../../objects/.wh.*/*; do echo damage >$f; done");
	verify();
	ck_assert_uint_eq(result.damaged_layers.n, 1);
	ck_assert_int_eq(verify_repair(&scene_store, &everything, &result, &scene_err), 0);
	ck_assert_int_eq(scene_count("store/layers"), 0);
	ck_assert_int_eq(scene_count("store/objects"), 0);
	verify();
	ck_assert_msg(
		strstr(told.data, "image -: its layer sha256:") == told.data, "%s", told.data);
	load_usual();
	check_told("");
}
END_TEST

/* As stores from before recipes have them. */
START_TEST(a_layer_without_recipe_stays)
{
	load_usual();
	change("rm ../recipe");
	verify();
	ck_assert_uint_eq(result.findings, 0);
	ck_assert_int_eq(verify_repair(&scene_store, &everything, &result, &scene_err), 0);
	ck_assert_int_eq(scene_count("store/layers"), 1);
	change("printf L | dd of=$(echo ../../../objects/.wh.*/*) conv=notrunc 2>/dev/null");
	verify();
	ck_assert_uint_eq(result.findings, 1);
}
END_TEST

/* What was found is not what is there by now. */
START_TEST(what_came_again_meanwhile_stays)
{
	load_usual();
	change("chmod 0755 d/file; cp ../../../blobs/sha256/* /dev/shm/$PPID.doc; echo >>$(echo ../../../blobs/sha256/*)");
	verify();
	ck_assert_uint_eq(result.damaged_layers.n, 1);
	change("chmod 4755 d/file; mv /dev/shm/$PPID.doc $(echo ../../../blobs/sha256/*)");
	told.len = 0;
	ck_assert_int_eq(verify_repair(&scene_store, &everything, &result, &scene_err), 0);
	ck_assert_uint_eq(told.len, 0);
	check_told("");
}
END_TEST

static void add_base(const char *number, const char *layer)
{
	autofree char *path = str_format("store/bases/%s", number);
	char *const layers[] = { (char *)layer };
	const struct claim claim = { .image = (char *)"t",
		.image_id = (char *)layer,
		.layers = (char **)layers,
		.n_layers = 1,
		.snapshotter = (char *)"copy" };

	mkdir(scene_path("store/bases"), 0700);
	ck_assert_int_eq(mkdir(scene_path(path), 0700), 0);
	autofd int dir = open(scene_path(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(claim_write(dir, &claim, &scene_err), 0);
}

/* One could hold what was damaged in it. */
START_TEST(bases_go_with_their_layers)
{
	load_usual();
	verify();
	automatic(image_list) struct image_list list = { 0 };
	ck_assert_int_eq(image_list(&scene_store, &list, &scene_err), 0);
	add_base("0000000000000001", list.records[0].layers[0]);
	check_told("note -: a base of snapshots, which is not looked into\n");
	ck_assert_uint_eq(result.findings, 0);
	ck_assert_int_eq(verify_repair(&scene_store, &everything, &result, &scene_err), 0);
	ck_assert_int_eq(scene_count("store/bases"), 1);
	change("chmod 0755 d/file");
	verify();
	ck_assert_int_eq(verify_repair(&scene_store, &everything, &result, &scene_err), 0);
	ck_assert_int_eq(scene_count("store/bases"), 0);
	ck_assert_int_eq(scene_count("store/layers"), 0);
}
END_TEST

START_TEST(documents_and_images)
{
	autofree char *name = NULL;
	char command[200];

	load_usual();
	snprintf(command, sizeof(command), "echo >>%s/store/blobs/sha256/*", scene_dir);
	change("echo >>$(echo ../../../blobs/sha256/*)");
	verify();
	ck_assert_uint_eq(result.findings, 2);
	ck_assert_uint_eq(result.damaged_documents.n, 1);
	ck_assert_int_eq(verify_repair(&scene_store, &everything, &result, &scene_err), 0);
	verify();
	ck_assert_uint_eq(result.findings, 1);
	load_usual();
	check_told("");
	change("echo nonsense >../../../images/t:latest.json");
	check_told("image -: 1 records of images cannot be read\n");
}
END_TEST

/* Layers of our own, which have no tar, and one that no mount has. */
START_TEST(layers_of_an_image)
{
	static const struct tar_row base[] = { { "tmp", .type = '5', .mode = 01777 } };
	static const struct tar_row top[] = { { "tmp/x" } };
	struct layers l = { 0 };

	layers_add(&l, base, 1);
	layers_add(&l, top, 1);
	layers_load(&l, "t");
	check_told("");
	ck_assert_uint_eq(result.layers, 3);
	char command[300];
	snprintf(command, sizeof(command), "chmod 755 %s/store/layers/*/fs/tmp", scene_dir);
	ck_assert_int_eq(system(command), 0);
	verify();
	ck_assert_uint_eq(result.findings, 2);
	layers_done(&l);
}
END_TEST

START_TEST(what_the_dead_have_left)
{
	load_usual();
	mkdir(scene_path("store/tmp/work-0"), 0700);
	mkdir(scene_path("store/trash/1"), 0700);
	verify();
	ck_assert_str_eq(told.data,
		"left -: left unfinished by one that was killed\nleft -: not yet deleted\n");
	ck_assert_uint_eq(result.findings, 0);
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_loop_test(
		cases, what_is_changed_is_told, 0, (int)(sizeof(changes) / sizeof(changes[0])));
	tcase_add_test(cases, what_is_changed_is_told_unshared);
	tcase_add_test(cases, a_content_that_is_shared);
	tcase_add_test(cases, repair);
	tcase_add_test(cases, a_layer_without_recipe_stays);
	tcase_add_test(cases, what_came_again_meanwhile_stays);
	tcase_add_test(cases, bases_go_with_their_layers);
	tcase_add_test(cases, documents_and_images);
	tcase_add_test(cases, layers_of_an_image);
	tcase_add_test(cases, what_the_dead_have_left);
}

int main(void)
{
	return scene_run("overlay/verify", fill);
}
