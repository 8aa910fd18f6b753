/*
 * A root file system's tar, plain and compressed: one image whatever the form, and none of a stream
 * that is damaged, cut off, followed by something, or made to fill the disk.
 */
#include "tests/unit/packers.h"
#include "tests/unit/scene.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const struct import_options usual;

static void check_nothing(void)
{
	ck_assert_int_eq(scene_count("store/layers"), 0);
	ck_assert_int_eq(scene_count("store/images"), 0);
	ck_assert_int_eq(scene_count("store/blobs/sha256"), 0);
	scene_check_clean();
}

static struct tarball small_tar(void)
{
	struct tarball t = { 0 };

	tarball_add(&t, &(struct tar_row){ "bin/", .type = '5' });
	tarball_add(&t, &(struct tar_row){ "bin/sh", .data = "shell", .mode = 0755 });
	tarball_end(&t);
	return t;
}

START_TEST(same_bytes_give_the_same_image)
{
	struct tarball t = small_tar();
	struct image image[2] = { 0 };

	for (int i = 0; i < 2; i++) {
		int r = scene_import(&t, &usual);
		ck_assert_msg(r == 0, "%s", scene_err.text);
		ck_assert_int_eq(image_find(&scene_store, "t", &image[i], &scene_err), 0);
		pack_gzip(&t.bytes);
	}
	ck_assert_str_eq(image[0].record.config, image[1].record.config);
	ck_assert_int_eq(scene_count("store/layers"), 1);
	ck_assert_str_eq(image[0].config.config.cmd[0], "/bin/sh");
	ck_assert_str_eq(image[0].config.config.env[0],
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	ck_assert_str_eq(image[0].record.created, "2001-09-09T01:46:40Z");
	image_done(&image[0]);
	image_done(&image[1]);
	tarball_done(&t);
	scene_check_clean();
}
END_TEST

START_TEST(takes_what_the_user_says_it_runs)
{
	struct tarball t = small_tar();
	automatic(image) struct image image = { 0 };
	char *cmd[] = { (char *)"a", (char *)"b", NULL }, *env[] = { (char *)"PATH=/x", NULL };
	struct import_options options = { .cmd = cmd, .env = env, .user = "me" };

	ck_assert_int_eq(scene_import(&t, &options), 0);
	ck_assert_int_eq(image_find(&scene_store, "t", &image, &scene_err), 0);
	ck_assert_uint_eq(image.config.config.n_cmd, 2);
	ck_assert_str_eq(image.config.config.cmd[1], "b");
	ck_assert_uint_eq(image.config.config.n_env, 1);
	ck_assert_str_eq(image.config.config.env[0], "PATH=/x");
	ck_assert_str_eq(image.config.config.user, "me");
	tarball_done(&t);
}
END_TEST

static void refuse_bytes(const struct tarball *t, const char *reason)
{
	int r = scene_import(t, &usual);

	ck_assert_msg(r < 0, "was taken");
	ck_assert_msg(strstr(scene_err.text, reason) != NULL, "%s", scene_err.text);
	check_nothing();
}

START_TEST(refuses_damaged_gzip)
{
	struct tarball t = small_tar();

	pack_gzip(&t.bytes);
	size_t n = t.bytes.len;
	for (size_t cut_off = 1; cut_off < n - 2; cut_off += 7) {
		struct tarball part = { .bytes = t.bytes };
		part.bytes.len = n - cut_off;
		refuse_bytes(&part, "");
	}
	t.bytes.data[n - 6] ^= 1; /* the checksum */
	refuse_bytes(&t, "checksum is wrong");
	t.bytes.data[n - 6] ^= 1;
	t.bytes.data[n - 2] ^= 1; /* the length */
	refuse_bytes(&t, "checksum is wrong");
	t.bytes.data[n - 2] ^= 1;
	str_add(&t.bytes, "garbage");
	refuse_bytes(&t, "something follows");
	tarball_done(&t);
}
END_TEST

/* Many members one behind the other, and zeros behind these, are one stream. */
START_TEST(takes_gzip_in_members)
{
	struct tarball t = small_tar();
	struct str all = { 0 };

	for (size_t at = 0; at < t.bytes.len; at += 700) {
		struct str part = { 0 };
		str_add_bytes(
			&part, t.bytes.data + at, t.bytes.len - at < 700 ? t.bytes.len - at : 700);
		pack_gzip(&part);
		str_add_bytes(&all, part.data, part.len);
		str_done(&part);
	}
	str_add_bytes(&all, "\0\0\0", 3);
	struct tarball members = { .bytes = all };
	int r = scene_import(&members, &usual);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	str_done(&all);
	tarball_done(&t);
}
END_TEST

START_TEST(refuses_damaged_zstd)
{
	struct tarball t = small_tar();

	pack_zstd(&t.bytes);
	size_t n = t.bytes.len;
	for (size_t cut_off = 1; cut_off < n - 4; cut_off += 3) {
		struct tarball part = { .bytes = t.bytes };
		part.bytes.len = n - cut_off;
		refuse_bytes(&part, "");
	}
	t.bytes.data[n / 2] ^= 1;
	refuse_bytes(&t, "is corrupt");
	t.bytes.data[n / 2] ^= 1;
	str_add(&t.bytes, "garbage");
	refuse_bytes(&t, "is corrupt");
	tarball_done(&t);
}
END_TEST

START_TEST(tells_other_compressions)
{
	struct tarball t = { 0 };

	str_add_bytes(&t.bytes,
		"\xfd"
		"7zXZ\0\0\0",
		8);
	refuse_bytes(&t, "which is not supported");
	t.bytes.len = 0;
	str_add(&t.bytes, "this is no tar at all");
	refuse_bytes(&t, "damaged tar");
	t.bytes.len = 0;
	refuse_bytes(&t, "");
	tarball_done(&t);
}
END_TEST

/* A few hundred KiB that unpack to 64 MiB stop at the limit. */
START_TEST(stops_a_bomb)
{
	struct import_options small = { .max_bytes = 16 << 20 };
	struct tarball t = { 0 };

	for (int form = 0; form < 2; form++) {
		t.bytes.len = 0;
		str_add_bytes(&t.bytes, "", 1);
		t.bytes.len = 0;
		pack_zeros(&t.bytes, 64u << 20, form);
		ck_assert_uint_lt(t.bytes.len, 1 << 20);
		ck_assert_int_lt(scene_import(&t, &small), 0);
		check_nothing();
	}
	tarball_done(&t);
}
END_TEST

START_TEST(stops_when_told)
{
	static const volatile sig_atomic_t told = 1;
	struct import_options options = { .cancelled = &told };
	struct tarball t = small_tar();

	ck_assert_int_eq(scene_import(&t, &options), -ECANCELED);
	check_nothing();
	tarball_done(&t);
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_test(cases, same_bytes_give_the_same_image);
	tcase_add_test(cases, takes_what_the_user_says_it_runs);
	tcase_add_test(cases, refuses_damaged_gzip);
	tcase_add_test(cases, takes_gzip_in_members);
	tcase_add_test(cases, refuses_damaged_zstd);
	tcase_add_test(cases, tells_other_compressions);
	tcase_add_test(cases, stops_a_bomb);
	tcase_add_test(cases, stops_when_told);
}

int main(void)
{
	return scene_run("overlay_stream", fill);
}
