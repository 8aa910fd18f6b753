/*
 * Tars that were made to get out of the layer, to forge overlay's own marks, or to exhaust us. Each
 * is refused with a reason, or ends confined; what lies beside the store stays as it was, and a
 * refused one leaves nothing in it.
 */
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "tests/unit/scene.h"

/* Rows are read by position; what is not given is zero, or the usual. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct hostile {
	const char *name;
	struct tar_row rows[6]; /* ends with one without a name */
	const char *refusal;	/* part of the reason; NULL: it is taken ... */
	const char *there;	/* ... and this is in the layer, ... */
	const char *absent;	/* ... this is not */
	const struct {
		const char *key, *value;
	} pax[2]; /* before the first row */
};

#define UP4 "../../../.."
#define LONG50 "01234567890123456789012345678901234567890123456789"
#define LONG250 LONG50 LONG50 LONG50 LONG50 LONG50

static const struct hostile corpus[] = {
	{ "dots in front", { { "../escaped" } }, "'..' is not allowed" },
	{ "dots inside", { { "a/../../escaped" } }, "'..' is not allowed" },
	{ "dots that lead nowhere", { { "a/../b" } }, "'..' is not allowed" },
	{ "dots at the end", { { "a/..", .type = '5' } }, "'..' is not allowed" },
	{ "dots in a pax name", { { "x" } }, "'..' is not allowed",
		.pax = { { "path", UP4 "/escaped" } } },
	{ "absolute name", { { "/abs" } }, NULL, "abs" },
	{ "many slashes", { { "//./abs//./b" } }, NULL, "abs/b" },
	{ "root as a file", { { "." } }, "the root of a layer" },
	{ "root as a symlink", { { ".", "/etc", '2' } }, "the root of a layer" },
	{ "root as a symlink, by slash", { { "/", "/etc", '2' } }, "the root of a layer" },
	{ "root as a hard link", { { "./", "x", '1' } }, "the root of a layer" },
	{ "symlink to / and through it", { { "a", "/", '2' }, { "a/x" } }, NULL, "x" },
	{ "symlink up and through it", { { "a", UP4, '2' }, { "a/x" } }, NULL, "x" },
	{ "two symlinks up", { { "a", "b", '2' }, { "b", "..", '2' }, { "a/x" } }, NULL, "x" },
	{ "symlink to the host's /dev/shm", { { "a", "/dev/shm", '2' }, { "a/x" } }, NULL,
		"dev/shm/x" },
	{ "symlinks in a circle", { { "a", "b", '2' }, { "b", "a", '2' }, { "a/x" } },
		"too many levels" },
	{ "a link to itself", { { "a", "a", '2' }, { "a/x" } }, "too many levels" },
	{ "write through a symlink", { { "a", "/canary", '2' }, { "a", .data = "x" } }, NULL, "a",
		"canary" },
	{ "a magic link", { { "a", "/proc/self/root", '2' }, { "a/x" } }, NULL,
		"proc/self/root/x" },
	{ "hard link out by name", { { "h", UP4 "/etc/passwd", '1' } }, "operation not permitted" },
	{ "hard link to an absolute name", { { "h", "/etc/passwd", '1' } }, "hard link" },
	{ "hard link through a symlink", { { "s", "/etc", '2' }, { "h", "s/passwd", '1' } },
		"hard link" },
	{ "hard link to a directory", { { "d", .type = '5' }, { "h", "d", '1' } },
		"operation not permitted" },
	{ "hard link to the root", { { "h", ".", '1' } }, "operation not permitted" },
	{ "hard link to nothing", { { "h", "nowhere", '1' } }, "not in this layer" },
	{ "hard link to itself", { { "h" }, { "h", "h", '1' } }, NULL, "h" },
	{ "hard link to a symlink", { { "s", "/etc/passwd", '2' }, { "h", "s", '1', 0777 } }, NULL,
		"h" },
	{ "a file as parent", { { "f" }, { "f/x" } }, NULL, "f/x" },
	{ "a FIFO as parent", { { "f", .type = '6' }, { "f/x" } }, NULL, "f/x" },
	{ "a device as parent", { { "f", .type = '3', .major = 1, .minor = 3 }, { "f/x" } }, NULL,
		"f/x" },
	{ "a file over a directory", { { "d/e/f" }, { "d", .data = "x" } }, NULL, "d" },
	{ "a directory over a symlink", { { "d", "/etc", '2' }, { "d/", .type = '5' }, { "d/x" } },
		NULL, "d/x", "etc" },
	{ "duplicates", { { "f", .data = "1" }, { "f", .data = "2" }, { "f", .data = "3" } }, NULL,
		"f" },
	{ "a forged whiteout", { { "w", .type = '3' } }, "would be a whiteout" },
	{ "whiteout of nothing", { { ".wh." } }, "a whiteout of nothing" },
	{ "whiteout of .", { { "d/.wh.." } }, "a whiteout of nothing" },
	{ "whiteout of ..", { { "d/.wh..." } }, "a whiteout of nothing" },
	{ "below a whiteout", { { "d/.wh.x/y" } }, "below a whiteout" },
	{ "AUFS bookkeeping", { { ".wh..wh.plnk/1.2" }, { ".wh..wh.aufs" }, { "f" } }, NULL, "f",
		".wh..wh.plnk" },
	{ "whiteout through a symlink", { { "s", "/canary", '2' }, { "s/.wh.file" } }, NULL, "s" },
	{ "a whiteout that is a symlink", { { ".wh.a", "/etc/passwd", '2' } }, NULL, "a" },
	{ "a whiteout that is a device", { { ".wh.a", .type = '3' } }, NULL, "a" },
	{ "a part that is too long", { { "x" } }, "too long",
		.pax = { { "path", LONG250 LONG50 } } },
	{ "FIFO", { { "p", .type = '6' } }, NULL, "p" },
	{ "block device", { { "b", .type = '4', .major = 8, .minor = 0 } }, NULL, "b" },
	{ "a size without digits", { { "f", .data = "x", .size_text = "99999999999" } },
		"damaged" },
	{ "a size that is negative",
		{ { "f", .size_text = "\377\377\377\377\377\377\377\377\377\377\377\377" } },
		"damaged" },
	{ "a size beyond the file", { { "f", .data = "x", .size_text = "00000077777" } },
		"damaged" },
	{ "a pax size beyond the file", { { "f", .data = "x" } }, "damaged",
		.pax = { { "size", "1000000" } } },
	{ "a pax size beyond all", { { "f", .data = "x" } }, "",
		.pax = { { "size", "99999999999999999999" } } },
	{ "user ids beyond the kernel's", { { "f" } }, "belongs to user",
		.pax = { { "uid", "4294967295" } } },
	{ "a name of newlines and escapes", { { "a\nb\033[2J" } }, NULL, "a\nb\033[2J" },
	{ "such a name in a message", { { "\n\033[2J/.." } }, "\\x0a\\x1b[2J/.." },
	{ "a name that is no UTF-8", { { "\xff\xfe" } }, NULL, "\xff\xfe" },
	{ "a pax name that is no UTF-8", { { "x" } }, NULL, "p\xff\xfe", "x",
		.pax = { { "path", "p\xff\xfe" } } },
	{ "a pax name that is UTF-8", { { "x" } }, NULL, "d\xc3\xa9j\xc3\xa0", "x",
		.pax = { { "path", "d\xc3\xa9j\xc3\xa0" } } },
	{ "a pax link that is UTF-8", { { "x", "y", '2' } }, NULL, "x",
		.pax = { { "linkpath", "d\xc3\xa9j\xc3\xa0" } } },
	{ "a header type of its own", { { "x", .type = 'Z' } }, NULL, "x" },
};

START_TEST(is_refused_or_confined)
{
	const struct hostile *h = &corpus[_i];
	struct tarball t = { 0 };
	struct stat st;

	for (size_t i = 0; i < 2 && h->pax[i].key; i++)
		tarball_pax(&t, h->pax[i].key, h->pax[i].value, strlen(h->pax[i].value));
	for (size_t i = 0; i < 6 && h->rows[i].name; i++)
		tarball_add(&t, &h->rows[i]);
	tarball_end(&t);
	int r = scene_import(&t, &(struct import_options){ 0 });
	tarball_done(&t);
	ck_assert_msg((r < 0) == (h->refusal != NULL), "%s: %s", h->name,
		r < 0 ? scene_err.text : "was taken");
	scene_check_clean();
	if (r < 0) {
		ck_assert_msg(strstr(scene_err.text, h->refusal) != NULL, "%s: %s", h->name,
			scene_err.text);
		ck_assert_msg(!strpbrk(scene_err.text, "\n\033"), "%s: not one line", h->name);
		ck_assert_int_eq(scene_count("store/layers"), 0);
		ck_assert_int_eq(scene_count("store/images"), 0);
		return;
	}
	ck_assert_msg(
		lstat(scene_layer(h->there), &st) == 0, "%s: '%s' is missing", h->name, h->there);
	if (h->absent)
		ck_assert_msg(lstat(scene_layer(h->absent), &st) < 0, "%s: '%s' is there", h->name,
			h->absent);
}
END_TEST

/* In a layer's attributes only these may survive. */
START_TEST(takes_listed_xattrs_only)
{
	static const struct {
		const char *name;
		bool taken;
	} names[] = {
		{ "user.mine", true },
		{ "security.capability", true },
		{ "user.overlay.redirect", false },
		{ "user.overlay.metacopy", false },
		{ "trusted.overlay.redirect", false },
		{ "trusted.overlay.opaque", false },
		{ "trusted.overlay.metacopy", false },
		{ "trusted.overlay.whiteout", false },
		{ "trusted.overlay.overlay.opaque", false },
		{ "trusted.other", false },
		{ "security.selinux", false },
		{ "security.ima", false },
	};
	static const char capability[20] = { 0, 0, 0, 2 };
	struct tarball t = { 0 };
	/* tmpfs has none before 6.6, and what cannot be set is left out. */
	bool has_user = setxattr(scene_dir, "user.try", "1", 1, 0) == 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char key[100], file[8], dir[8];
		snprintf(key, sizeof(key), "SCHILY.xattr.%s", names[i].name);
		snprintf(file, sizeof(file), "f%zu", i);
		snprintf(dir, sizeof(dir), "d%zu", i);
		tarball_pax(&t, key, capability, sizeof(capability));
		tarball_add(&t, &(struct tar_row){ file });
		if (strcmp(names[i].name, "security.capability") == 0)
			continue;
		tarball_pax(&t, key, capability, sizeof(capability));
		tarball_add(&t, &(struct tar_row){ dir, .type = '5' });
	}
	tarball_end(&t);
	int r = scene_import(&t, &(struct import_options){ 0 });
	ck_assert_msg(r == 0, "%s", scene_err.text);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char file[8], value[64];
		bool taken = names[i].taken && (has_user || !str_starts(names[i].name, "user."));
		snprintf(file, sizeof(file), "f%zu", i);
		ssize_t n = lgetxattr(scene_layer(file), names[i].name, value, sizeof(value));
		ck_assert_msg((n > 0) == taken, "%s on a file: %zd", names[i].name, n);
		file[0] = 'd';
		n = lgetxattr(scene_layer(file), names[i].name, value, sizeof(value));
		if (strcmp(names[i].name, "security.capability") != 0)
			ck_assert_msg((n > 0) == taken, "%s on a directory: %zd", names[i].name, n);
	}
	tarball_done(&t);
}
END_TEST

/* A link's own header must not change the file that it leads to (CVE-2021-32760). */
START_TEST(hardlink_header_changes_nothing)
{
	struct tarball t = { 0 };
	struct stat st;

	tarball_add(&t, &(struct tar_row){ "f", .mode = 0640, .uid = 7, .data = "x" });
	tarball_add(&t, &(struct tar_row){ "h", "f", '1', 04777, 0, 0 });
	tarball_end(&t);
	ck_assert_int_eq(scene_import(&t, &(struct import_options){ 0 }), 0);
	ck_assert_int_eq(lstat(scene_layer("f"), &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFREG | 0640);
	ck_assert_uint_eq(st.st_uid, 7);
	ck_assert_uint_eq(st.st_nlink, 2);
	tarball_done(&t);
}
END_TEST

/* A set-user-id file that something else replaces leaves no bits behind, nor the other way round.
 */
START_TEST(replaced_file_keeps_no_bits)
{
	struct tarball t = { 0 };
	struct stat st;

	tarball_add(&t, &(struct tar_row){ "f", .mode = 04755, .data = "old" });
	tarball_add(&t, &(struct tar_row){ "f", .mode = 0600, .uid = 5, .data = "new" });
	tarball_add(&t, &(struct tar_row){ "g", .mode = 06755, .uid = 5, .gid = 6, .data = "x" });
	tarball_end(&t);
	ck_assert_int_eq(scene_import(&t, &(struct import_options){ 0 }), 0);
	ck_assert_int_eq(lstat(scene_layer("f"), &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFREG | 0600);
	ck_assert_int_eq(lstat(scene_layer("g"), &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFREG | 06755);
	ck_assert_uint_eq(st.st_gid, 6);
	tarball_done(&t);
}
END_TEST

START_TEST(refuses_deep_names)
{
	struct tarball t = { 0 };
	struct str path = { 0 };

	for (int i = 0; i < 100000; i++)
		str_add(&path, "d/");
	tarball_pax(&t, "path", path.data, path.len);
	tarball_add(&t, &(struct tar_row){ "x" });
	tarball_end(&t);
	ck_assert_int_lt(scene_import(&t, &(struct import_options){ 0 }), 0);
	ck_assert_msg(strstr(scene_err.text, "too long") != NULL, "%s", scene_err.text);
	scene_check_clean();
	str_done(&path);
	tarball_done(&t);
}
END_TEST

/* 2000 directories deep is as deep as a name can be; it must be taken, and removed again. */
START_TEST(takes_and_removes_the_deepest_name)
{
	struct tarball t = { 0 };
	struct str path = { 0 };
	struct image_removal gone;

	for (int i = 0; i < 2000; i++)
		str_add(&path, "d/");
	tarball_pax(&t, "path", path.data, path.len);
	tarball_add(&t, &(struct tar_row){ "x", .type = '5' });
	tarball_end(&t);
	int r = scene_import(&t, &(struct import_options){ 0 });
	ck_assert_msg(r == 0, "%s", scene_err.text);
	r = image_remove(&scene_store, "t", &gone, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	image_removal_done(&gone);
	ck_assert_int_eq(scene_count("store/layers"), 0);
	scene_check_clean();
	str_done(&path);
	tarball_done(&t);
}
END_TEST

START_TEST(refuses_too_many_entries)
{
	struct tarball t = { 0 };
	char name[16];

	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		tarball_add(&t, &(struct tar_row){ name });
	}
	tarball_end(&t);
	struct import_options options = { .max_entries = 1000 };
	ck_assert_int_eq(scene_import(&t, &options), -EFBIG);
	ck_assert_msg(strstr(scene_err.text, "1000") != NULL, "%s", scene_err.text);
	scene_check_clean();
	tarball_done(&t);
}
END_TEST

/* Directories on the way count: 1000 members must not make a million of them. */
START_TEST(counts_implicit_directories)
{
	struct tarball t = { 0 };
	struct str path = { 0 };
	char name[16];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d/", i);
		path.len = 0;
		str_add(&path, name);
		for (int j = 0; j < 100; j++)
			str_add(&path, "d/");
		str_add(&path, "x");
		tarball_pax(&t, "path", path.data, path.len);
		tarball_add(&t, &(struct tar_row){ "x" });
	}
	tarball_end(&t);
	struct import_options options = { .max_entries = 1000 };
	ck_assert_int_eq(scene_import(&t, &options), -EFBIG);
	scene_check_clean();
	str_done(&path);
	tarball_done(&t);
}
END_TEST

/* A sparse file of 8 TiB in a few hundred bytes: its holes count. */
START_TEST(refuses_sparse_bombs)
{
	static const char map[] = "1\n0\n1\n";
	struct tarball t = { 0 };
	char data[TAR_BLOCK_SIZE + 1] = { 0 };

	memcpy(data, map, sizeof(map) - 1);
	data[TAR_BLOCK_SIZE] = 'x';
	static const struct {
		const char *key, *value;
	} pax[] = { { "GNU.sparse.major", "1" }, { "GNU.sparse.minor", "0" },
		{ "GNU.sparse.name", "bomb" }, { "GNU.sparse.realsize", "8796093022208" } };
	struct str records = { 0 };
	for (size_t i = 0; i < 4; i++)
		str_addf(&records, "%zu %s=%s\n", strlen(pax[i].key) + strlen(pax[i].value) + 5,
			pax[i].key, pax[i].value);
	tarball_add(&t, &(struct tar_row){ "PaxHeaders/x", .type = 'x', .data = records.data });
	tarball_add(&t, &(struct tar_row){ "x", .data = data, .data_len = sizeof(data) });
	tarball_end(&t);
	struct import_options options = { .max_bytes = 1 << 30 };
	int r = scene_import(&t, &options);
	ck_assert_msg(r < 0, "was taken");
	scene_check_clean();
	str_done(&records);
	tarball_done(&t);
}
END_TEST

/* Cut off at every block, and in the middle of one: never taken. */
START_TEST(refuses_cut_off_tars)
{
	struct tarball t = { 0 };

	tarball_add(&t, &(struct tar_row){ "d", .type = '5' });
	tarball_add(&t, &(struct tar_row){ "d/f", .data = "hello" });
	tarball_add(&t, &(struct tar_row){ "d/g", .data = "world" });
	size_t members = t.bytes.len;
	for (size_t cut = 0; cut <= members; cut += cut % 512 ? 212 : 300) {
		struct tarball part = { .bytes = t.bytes };
		part.bytes.len = cut;
		ck_assert_msg(scene_import(&part, &(struct import_options){ 0 }) < 0,
			"taken with %zu bytes", cut);
		scene_check_clean();
		ck_assert_int_eq(scene_count("store/layers"), 0);
	}
	tarball_done(&t);
}
END_TEST

START_TEST(refuses_what_follows_the_archive)
{
	struct tarball t = { 0 };

	tarball_add(&t, &(struct tar_row){ "f" });
	tarball_end(&t);
	tarball_add(&t, &(struct tar_row){ "g" });
	tarball_end(&t);
	ck_assert_int_lt(scene_import(&t, &(struct import_options){ 0 }), 0);
	ck_assert_msg(strstr(scene_err.text, "something follows") != NULL, "%s", scene_err.text);
	scene_check_clean();
	tarball_done(&t);
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_loop_test(cases, is_refused_or_confined, 0, sizeof(corpus) / sizeof(corpus[0]));
	tcase_add_test(cases, takes_listed_xattrs_only);
	tcase_add_test(cases, hardlink_header_changes_nothing);
	tcase_add_test(cases, replaced_file_keeps_no_bits);
	tcase_add_test(cases, refuses_deep_names);
	tcase_add_test(cases, takes_and_removes_the_deepest_name);
	tcase_add_test(cases, refuses_too_many_entries);
	tcase_add_test(cases, counts_implicit_directories);
	tcase_add_test(cases, refuses_sparse_bombs);
	tcase_add_test(cases, refuses_cut_off_tars);
	tcase_add_test(cases, refuses_what_follows_the_archive);
}

int main(void)
{
	return scene_run("overlay_hostile", fill);
}
