/*
 * Layers in each compression, by each of its names, in many pieces, and those that are not read.
 */
#include "tests/unit/layers.h"
#include "tests/unit/packers.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const struct import_options usual;
static const struct tar_row upper[] = { { "d/2", .data = "two" } };

/* The image "t:1" is of one layer, and that has "d/2". */
static void check(void)
{
	automatic(image) struct image image = { 0 };
	struct stat st;

	int r = image_find(&scene_store, "t:1", &image, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	ck_assert_int_eq(lstat(scene_layer("d/2"), &st), 0);
	scene_check_clean();
}

/* What is said on standard error from here on, and what that was. */
static void listen_to_warnings(void)
{
	int fd = open(scene_path("said"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	close(fd);
}

static const char *warnings(void)
{
	static char *text;
	size_t n;

	free(text);
	ck_assert_int_eq(
		fd_read_file(AT_FDCWD, scene_path("said"), 1 << 20, &text, &n, &scene_err), 0);
	return text;
}

static void pack(struct str *blob, enum compression how)
{
	if (how == COMPRESSION_GZIP)
		pack_gzip(blob);
	if (how == COMPRESSION_ZSTD)
		pack_zstd(blob);
}

/* Each row of the table: by its own name, and without a word about that. */
START_TEST(takes_every_media_type)
{
	listen_to_warnings();
	for (const struct media_type *m = media_types; m->name; m++) {
		struct layers l = { 0 };
		if (m->kind != MEDIA_LAYER)
			continue;
		layers_add(&l, upper, 1);
		pack(&l.all[0].blob, m->compression);
		l.all[0].media_type = m->name;
		layers_load(&l, "t:1");
		check();
		ck_assert_msg(!*warnings(), "%s: %s", m->name, warnings());
		layers_done(&l);
		struct image_removal gone;
		ck_assert_int_eq(image_remove(&scene_store, "t:1", &gone, &scene_err), 0);
		image_removal_done(&gone);
	}
}
END_TEST

START_TEST(warns_of_another_compression)
{
	static const struct {
		const char *type;
		enum compression is;
		const char *warning;
	} rows[] = {
		{ LAYER_TAR "+gzip", COMPRESSION_ZSTD,
			"is compressed by zstd, and called '" LAYER_TAR "+gzip'" },
		{ LAYER_TAR "+zstd", COMPRESSION_GZIP, "is compressed by gzip, and called" },
		{ LAYER_TAR, COMPRESSION_GZIP, "is compressed by gzip, and called" },
		{ LAYER_TAR "+gzip", COMPRESSION_NONE, "is compressed by nothing, and called" },
	};
	struct layers l = { 0 };

	listen_to_warnings();
	layers_add(&l, upper, 1);
	pack(&l.all[0].blob, rows[_i].is);
	l.all[0].media_type = rows[_i].type;
	layers_load(&l, "t:1");
	check();
	ck_assert_msg(strstr(warnings(), rows[_i].warning) != NULL, "%s", warnings());
	layers_done(&l);
}
END_TEST

static void warn_of_bomb(void)
{
	struct tarball t = { 0 };
	size_t n = 70 << 20;
	char *zeros = calloc(1, n);

	tarball_add(&t, &(struct tar_row){ "zeros", .data = zeros, .data_len = n });
	tarball_end(&t);
	free(zeros);
	pack_zstd(&t.bytes);
	ck_assert_int_eq(scene_import(&t, &usual), 0);
	tarball_done(&t);
}

START_TEST(warns_of_what_unpacks_to_hundreds_of_times_its_size)
{
	listen_to_warnings();
	warn_of_bomb();
	ck_assert_msg(strstr(warnings(), "unpacks to 70 MiB, ") != NULL, "%s", warnings());
}
END_TEST

static void add_gzip(struct str *out, const char *data, size_t n)
{
	struct str part = { 0 };

	pack_gzip_bytes(&part, data, n);
	str_add_bytes(out, part.data, part.len);
	str_done(&part);
}

static void add_zstd(struct str *out, const char *data, size_t n)
{
	struct str part = { 0 };

	pack_zstd_bytes(&part, data, n);
	str_add_bytes(out, part.data, part.len);
	str_done(&part);
}

/* As pigz -i and estargz write: a member a piece, and at the end an empty one with a field. */
START_TEST(takes_gzip_of_many_members)
{
	static const char footer[] = "\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0SG\x02\0ab"
				     "\x03\0\0\0\0\0\0\0\0\0";
	struct layers l = { 0 };
	struct str packed = { 0 };

	layers_add(&l, upper, 1);
	const struct str *plain = &l.all[0].blob;
	for (size_t at = 0; at < plain->len; at += 100)
		add_gzip(&packed, plain->data + at, plain->len - at < 100 ? plain->len - at : 100);
	add_gzip(&packed, "", 0);
	str_add_bytes(&packed, footer, sizeof(footer) - 1);
	str_done(&l.all[0].blob);
	l.all[0].blob = packed;
	l.all[0].media_type = LAYER_TAR "+gzip";
	layers_load(&l, "t:1");
	check();
	layers_done(&l);
}
END_TEST

/* As zstd:chunked writes: frames a piece, and skippable ones before, between and behind them. */
START_TEST(takes_zstd_of_many_frames)
{
	static const char first[] = "\x50\x2a\x4d\x18\x04\0\0\0abcd";
	static const char last[] = "\x5f\x2a\x4d\x18\x00\0\0\0";
	struct layers l = { 0 };
	struct str packed = { 0 };

	layers_add(&l, upper, 1);
	const struct str *plain = &l.all[0].blob;
	str_add_bytes(&packed, first, sizeof(first) - 1);
	for (size_t at = 0; at < plain->len; at += 100) {
		add_zstd(&packed, plain->data + at, plain->len - at < 100 ? plain->len - at : 100);
		str_add_bytes(&packed, last, sizeof(last) - 1);
	}
	str_done(&l.all[0].blob);
	l.all[0].blob = packed;
	l.all[0].media_type = LAYER_TAR "+zstd";
	layers_load(&l, "t:1");
	check();
	layers_done(&l);
}
END_TEST

START_TEST(names_the_compression_that_it_does_not_know)
{
	static const struct {
		const char *magic, *name;
	} rows[] = { { "\xfd"
		       "7zXZ\0",
			     "xz" },
		{ "BZh91AY&SY", "bzip2" }, { "\x04\x22\x4d\x18", "lz4" }, { "LZIP\1", "lzip" },
		{ "\x1f\x9d", "compress" } };
	struct layers l = { 0 };
	char reason[80];

	layers_add(&l, upper, 1);
	memcpy(l.all[0].blob.data, rows[_i].magic, strlen(rows[_i].magic));
	if (_i == 0)
		l.all[0].blob.data[5] = '\0';
	layout_write(&l, "t:1");
	snprintf(reason, sizeof(reason), "it is compressed by %s, which is not supported",
		rows[_i].name);
	ck_assert_int_lt(scene_load("layout", &usual), 0);
	ck_assert_msg(strstr(scene_err.text, reason) != NULL, "%s", scene_err.text);
	ck_assert_int_eq(scene_count("store/layers"), 0);
	layers_done(&l);
}
END_TEST

/* A plain tar may begin with the name of a file that looks like a magic number. */
START_TEST(takes_a_tar_whose_first_name_looks_compressed)
{
	struct tarball t = { 0 };

	tarball_add(&t, &(struct tar_row){ "BZh9" });
	tarball_end(&t);
	ck_assert_int_eq(scene_import(&t, &usual), 0);
	struct stat st;
	ck_assert_int_eq(lstat(scene_layer("BZh9"), &st), 0);
	tarball_done(&t);
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_test(cases, takes_every_media_type);
	tcase_add_loop_test(cases, warns_of_another_compression, 0, 4);
	tcase_add_test(cases, warns_of_what_unpacks_to_hundreds_of_times_its_size);
	tcase_add_test(cases, takes_gzip_of_many_members);
	tcase_add_test(cases, takes_zstd_of_many_frames);
	tcase_add_loop_test(cases, names_the_compression_that_it_does_not_know, 0, 5);
	tcase_add_test(cases, takes_a_tar_whose_first_name_looks_compressed);
}

int main(void)
{
	return scene_run("overlay_inflate", fill);
}
