/*
 * A layer's tar again: whatever form it had and however its members replace each other, the same
 * bytes come out of the store, without the contents of files being in the recipe; and what has been
 * damaged since is said.
 */
#include "overlay/digest.h"
#include "overlay/image.h"
#include "overlay/recipe.h"
#include "overlay/tar.h"
#include "overlay/ustar.h"
#include "tests/unit/layers.h"
#include "tests/unit/packers.h"
#include "tests/unit/scene.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static struct import_options usual; /* a test may change it: each has a process of its own */

/* The only layer of the image "t". */
static struct digest_text layer_of(void)
{
	automatic(image) struct image image = { 0 };
	struct digest_text d = { 0 };

	int r = image_find(&scene_store, "t", &image, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	memcpy(d.text, image.config.diff_ids[0], sizeof(d.text));
	return d;
}

static int collect(void *to, const void *data, size_t n, struct err *e)
{
	(void)e;
	str_add_bytes(to, data, n);
	return 0;
}

static int play(struct str *out)
{
	struct digest_text layer = layer_of();

	return recipe_play(&scene_store, layer.text, collect, out, &scene_err);
}

static off_t size_in_layer(const char *name)
{
	struct stat st;
	const char *fs = scene_layer("");
	char path[4300];

	snprintf(path, sizeof(path), "%s../%s", fs, name);
	return stat(path, &st) == 0 ? st.st_size : -1;
}

/* Imports it, and holds what comes out against it. */
static void check_same(const struct tarball *t)
{
	automatic(str) struct str out = { 0 };

	int r = scene_import(t, &usual);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	r = play(&out);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	ck_assert_uint_eq(out.len, t->bytes.len);
	ck_assert_int_eq(memcmp(out.data, t->bytes.data, out.len), 0);
	scene_check_clean();
}

static void check_rows(const struct tar_row *rows, size_t n)
{
	struct tarball t = { 0 };

	for (size_t i = 0; i < n; i++)
		tarball_add(&t, &rows[i]);
	tarball_end(&t);
	check_same(&t);
	tarball_done(&t);
}

#define CHECK_ROWS(...)                                                                            \
	do {                                                                                       \
		const struct tar_row rows_[] = { __VA_ARGS__ };                                    \
		check_rows(rows_, sizeof(rows_) / sizeof(rows_[0]));                               \
	} while (0)

/* Bytes that do not compress. */
static char *noise(size_t n)
{
	char *data = malloc(n);
	uint64_t state = 88172645463325252u;

	for (size_t i = 0; i < n; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		data[i] = (char)state;
	}
	return data;
}

START_TEST(all_kinds_of_members)
{
	CHECK_ROWS({ "./", .type = '5' }, { "d/", .type = '5', .mode = 0700, .uid = 7 },
		{ "d/empty", .data = "" }, { "d/file", .data = "content" },
		{ "d/exact", .data = "x", .data_len = 1 }, { "d/gnu", .data = "y", .gnu = true },
		{ "link", "d/file", '2' }, { "hard", "d/file", '1' }, { "fifo", .type = '6' },
		{ ".wh.gone", .data = "of no meaning" }, { "d/.wh..wh..opq" },
		{ ".wh..wh.plnk/x", .data = "of no meaning either" });
}
END_TEST

/* Contents longer than a buffer of the stream, at odd places in it, and none of it in the recipe. */
START_TEST(contents_are_not_in_the_recipe)
{
	static const size_t sizes[] = { 1, 511, 512, 513, 262143, 262144, 262145, 1 << 20,
		3000001 };
	struct tarball t = { 0 };
	char name[40], *data = noise(3000001);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(name, sizeof(name), "some/where/%zu", sizes[i]);
		tarball_add(
			&t, &(struct tar_row){ .name = name, .data = data, .data_len = sizes[i] });
	}
	tarball_end(&t);
	check_same(&t);
	ck_assert_int_lt(size_in_layer("recipe"), 2048);
	ck_assert_int_eq(size_in_layer("kept"), -1);
	tarball_done(&t);
	free(data);
}
END_TEST

START_TEST(long_names_and_pax)
{
	struct tarball t = { 0 };
	char name[3000];

	memset(name, 'n', sizeof(name));
	for (size_t i = 200; i < sizeof(name); i += 200)
		name[i] = '/';
	name[sizeof(name) - 1] = '\0';
	tarball_pax(&t, "path", name, strlen(name));
	tarball_add(&t, &(struct tar_row){ "short", .data = "pax" });
	tarball_add(&t, &(struct tar_row){ "././@LongLink", .type = 'L', .data = name,
				.data_len = 600, .gnu = true });
	tarball_add(&t, &(struct tar_row){ "short", .data = "gnu", .gnu = true });
	tarball_end(&t);
	check_same(&t);
	tarball_done(&t);
}
END_TEST

/* A reader that looks ahead over the ends of the stream's buffers: many headers, of many blocks. */
START_TEST(headers_across_buffers)
{
	struct tarball t = { 0 };
	char name[40], value[1000];

	memset(value, 'v', sizeof(value));
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "d%d/f%d", i % 7, i);
		tarball_pax(&t, "comment", value, (size_t)(i % 900 + 1));
		tarball_add(&t,
			&(struct tar_row){
				.name = name, .data = value, .data_len = (size_t)(i % 500 + 1) });
	}
	tarball_end(&t);
	check_same(&t);
	tarball_done(&t);
}
END_TEST

START_TEST(zeros_at_the_end)
{
	for (size_t more = 0; more < 3; more++) {
		struct tarball t = { 0 };
		char *zeros = calloc(more + 1, 300000);
		tarball_add(&t, &(struct tar_row){ "a", .data = "1" });
		tarball_end(&t);
		str_add_bytes(&t.bytes, zeros, more * 300000 + (more ? 0 : 512));
		check_same(&t);
		tarball_done(&t);
		free(zeros);
	}
}
END_TEST

START_TEST(replaced_files)
{
	CHECK_ROWS({ "a", .data = "first" }, { "a", .data = "second" }, { "b", .data = "other" },
		{ "a", .data = "third" });
	ck_assert_int_eq(size_in_layer("kept/0"), 5);
	ck_assert_int_eq(size_in_layer("kept/1"), 6);
	ck_assert_int_eq(size_in_layer("kept/2"), -1);
}
END_TEST

START_TEST(replaced_directories)
{
	CHECK_ROWS({ "d/e/f", .data = "1" }, { "d/e", .data = "a file over it" },
		{ "d/e/f", .data = "and a directory again" }, { "d", "nowhere", '2' },
		{ "d", .data = "2" }, { "d/e/f", .data = "the last" });
}
END_TEST

/* The same names mean other files before and after. */
START_TEST(replaced_symlinks)
{
	CHECK_ROWS({ "usr/lib/", .type = '5' }, { "lib", "usr/lib", '2' },
		{ "lib/a", .data = "through the link" }, { "lib/deep/b", .data = "that too" },
		{ "lib", .data = "no link any more" }, { "lib/a", .data = "in a directory" },
		{ "usr/lib/a", .data = "over the first" }, { "loop", "loop/../usr", '2' },
		{ "abs", "/usr", '2' }, { "abs/lib/c", .data = "in usr/lib" });
}
END_TEST

START_TEST(hard_links)
{
	struct tarball t = { 0 };

	tarball_add(&t, &(struct tar_row){ "a", .data = "first" });
	tarball_add(&t, &(struct tar_row){ "b", "a", '1' });
	tarball_add(&t, &(struct tar_row){ "a", .data = "second" });
	tarball_add(&t, &(struct tar_row){ "c", "b", '1' });
	tarball_add(&t, &(struct tar_row){ "b", .data = "third" });
	tarball_end(&t);
	check_same(&t);
	tarball_done(&t);
}
END_TEST

/* Through GNU tar, which makes the three forms of sparse files. */
START_TEST(sparse_files)
{
	static const char *const forms[] = { "--format=gnu", "--format=posix --sparse-version=0.0",
		"--format=posix --sparse-version=0.1", "--format=posix --sparse-version=1.0" };
	char command[700], *data;

	mkdir(scene_path("in"), 0755);
	scene_write("in/holes", "begin", 5);
	int fd = open(scene_path("in/holes"), O_WRONLY | O_CLOEXEC);
	for (int i = 1; i < 30; i++)
		ck_assert_int_eq(pwrite(fd, "island", 6, (off_t)i * 300000), 6);
	ck_assert_int_eq(ftruncate(fd, 20000000), 0);
	close(fd);
	for (int i = 0; i < 4; i++) {
		struct tarball t = { 0 };
		size_t n;
		snprintf(command, sizeof(command), "tar -C %s/in %s -Scf %s/made .", scene_dir,
			forms[i], scene_dir);
		ck_assert_int_eq(system(command), 0);
		ck_assert_int_eq(
			fd_read_file(AT_FDCWD, scene_path("made"), 1 << 24, &data, &n, &scene_err),
			0);
		str_add_bytes(&t.bytes, data, n);
		check_same(&t);
		tarball_done(&t);
		free(data);
	}
}
END_TEST

/* Below an opaque root nothing is mounted, but it is of the image all the same. */
START_TEST(a_layer_that_is_hidden_stays)
{
	static const struct tar_row below[] = { { "a", .data = "below" } },
				    top[] = { { ".wh..wh..opq" }, { "b", .data = "top" } };
	automatic(str) struct str out = { 0 };
	struct image_removal pruned;
	struct layers l = { 0 };

	layers_add(&l, below, 1);
	layers_add(&l, top, 2);
	layers_load(&l, "t");
	ck_assert_int_eq(image_prune(&scene_store, &pruned, &scene_err), 0);
	ck_assert_uint_eq(pruned.n_layers, 0);
	int r = recipe_play(&scene_store, l.all[0].diff_id.text, collect, &out, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	layers_done(&l);
}
END_TEST

/* --- the tar of a save ------------------------------------------------------------------------ */

static ssize_t give_once(void *from, const void **ret)
{
	struct ustar_block **block = from;

	*ret = *block;
	*block = NULL;
	return *ret ? (ssize_t)sizeof(**block) : 0;
}

static const uint64_t file_sizes[] = { 0, 1, 512, 077777777777, 0100000000000, 1ull << 45 };

/* Headers of files as an independent reader sees them, beyond what octal digits can say too. */
START_TEST(headers_say_the_size)
{
	struct ustar_block block = ustar_header("blobs/sha256/x", file_sizes[_i]), *given = &block;
	struct tar_member member;
	struct tar *tar;

	ck_assert_int_eq(tar_open(give_once, &given, &tar, &scene_err), 0);
	int r = tar_next(tar, &member, &scene_err);
	ck_assert_msg(r == 1, "%s", scene_err.text);
	ck_assert_str_eq(member.path, "blobs/sha256/x");
	ck_assert_uint_eq(member.size, file_sizes[_i]);
	ck_assert_uint_eq(member.mode, 0644);
	ck_assert_uint_eq((file_sizes[_i] + ustar_padding(file_sizes[_i])) % USTAR_BLOCK, 0);
	tar_free(tar);
}
END_TEST

/* --- damage ----------------------------------------------------------------------------------- */

static void small(void)
{
	CHECK_ROWS({ "d/a", .data = "the first" }, { "d/b", .data = "the second" });
}

static void check_damaged(const char *reason)
{
	automatic(str) struct str out = { 0 };

	int r = play(&out);
	ck_assert_int_eq(r, -ERR_DAMAGED);
	ck_assert_msg(strstr(scene_err.text, reason) != NULL, "%s", scene_err.text);
}

START_TEST(a_missing_file)
{
	small();
	ck_assert_int_eq(unlink(scene_layer("d/b")), 0);
	check_damaged("'d/b': it is missing");
}
END_TEST

/* Whole files, whatever they were. */
static void rewrite(const char *name, const char *text)
{
	ck_assert_int_eq(unlink(scene_layer(name)), 0);
	autofd int fd = open(scene_layer(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
}

START_TEST(another_content)
{
	usual.no_sharing = true;
	small();
	rewrite("d/b", "the");
	check_damaged("'d/b': it is shorter than it was");
	rewrite("d/b", "the Second");
	check_damaged("'d/b': its content has changed");
}
END_TEST

/* Contents that other layers may have too are elsewhere in the store. */
START_TEST(another_object)
{
	char command[300], large[2000];

	memset(large, 'l', sizeof(large));
	CHECK_ROWS({ "d/a", .data = large, .data_len = sizeof(large) });
	snprintf(command, sizeof(command),
		"printf L | dd of=$(echo %s/store/objects/.wh.*/*) conv=notrunc 2>/dev/null",
		scene_dir);
	ck_assert_int_eq(system(command), 0);
	check_damaged("its content gives sha256:");
	snprintf(command, sizeof(command), "rm -r %s/store/objects/.wh.*", scene_dir);
	ck_assert_int_eq(system(command), 0);
	check_damaged("'d/a': its content is lost");
}
END_TEST

START_TEST(something_else_in_the_place)
{
	small();
	ck_assert_int_eq(unlink(scene_layer("d/b")), 0);
	ck_assert_int_eq(symlink(scene_path("canary/file"), scene_layer("d/b")), 0);
	check_damaged("'d/b': it is no file");
	ck_assert_int_eq(unlink(scene_layer("d/a")), 0);
	ck_assert_int_eq(unlink(scene_layer("d/b")), 0);
	ck_assert_int_eq(rmdir(scene_layer("d")), 0);
	ck_assert_int_eq(symlink(scene_path("canary"), scene_layer("d")), 0);
	check_damaged("'d/a'");
}
END_TEST

/* Each byte of it changed, each length of it: an error, or (in what nobody reads) the same tar. */
START_TEST(a_damaged_recipe)
{
	struct digest_text layer;
	char name[200], *data = NULL;
	size_t n = 0;

	CHECK_ROWS({ "d/a", .data = "the first" }, { "d", .data = "over it" },
		{ "b", .data = "the second" });
	layer = layer_of();
	snprintf(name, sizeof(name), "store/layers/%s/recipe", digest_hex(layer.text));
	int r = fd_read_file(AT_FDCWD, scene_path(name), 1 << 20, &data, &n, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	for (size_t i = 0; i < n; i++) {
		automatic(str) struct str out = { 0 };
		data[i] ^= 0x11;
		scene_write(name, data, n);
		data[i] ^= 0x11;
		r = play(&out);
		ck_assert_msg(r == 0 || r == -ERR_DAMAGED || r == -ENOTSUP, "byte %zu: %s", i,
			scene_err.text);
		scene_write(name, data, i);
		ck_assert_int_lt(play(&out), 0);
	}
	ck_assert_int_eq(unlink(scene_path(name)), 0);
	automatic(str) struct str out = { 0 };
	ck_assert_int_eq(play(&out), -ENODATA);
	free(data);
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_test(cases, all_kinds_of_members);
	tcase_add_test(cases, contents_are_not_in_the_recipe);
	tcase_add_test(cases, long_names_and_pax);
	tcase_add_test(cases, headers_across_buffers);
	tcase_add_test(cases, zeros_at_the_end);
	tcase_add_test(cases, replaced_files);
	tcase_add_test(cases, replaced_directories);
	tcase_add_test(cases, replaced_symlinks);
	tcase_add_test(cases, hard_links);
	tcase_add_test(cases, sparse_files);
	tcase_add_test(cases, a_layer_that_is_hidden_stays);
	tcase_add_loop_test(
		cases, headers_say_the_size, 0, (int)(sizeof(file_sizes) / sizeof(file_sizes[0])));
	tcase_add_test(cases, a_missing_file);
	tcase_add_test(cases, another_content);
	tcase_add_test(cases, another_object);
	tcase_add_test(cases, something_else_in_the_place);
	tcase_add_test(cases, a_damaged_recipe);
}

int main(void)
{
	return scene_run("overlay/recipe", fill);
}
