/*
 * Hostile inputs: every row of hostile.h has cases here, in hostile_images.h, or in the files of
 * tests/cli that the last table names.
 */
#include "tests/unit/hostile_images.h"
#include "tests/unit/hostile_tars.h"

#define UP4 "../../../.."
#define LONG50 "01234567890123456789012345678901234567890123456789"
#define LONG250 LONG50 LONG50 LONG50 LONG50 LONG50
#define PAX_ROW(n, body)                                                                           \
	{ ROW_PAX, "a wrong pax record " #n, .make = make_pax_body_##n,                            \
		.refusal = "its pax header has a record of a wrong length" },

static const struct hostile_tar tars[] = {
	{ ROW_DOTS, "dots in front", { { "../escaped" } }, "'..' is not allowed" },
	{ ROW_DOTS, "dots inside", { { "a/../../escaped" } }, "'..' is not allowed" },
	{ ROW_DOTS, "dots that lead nowhere", { { "a/../b" } }, "'..' is not allowed" },
	{ ROW_DOTS, "dots at the end", { { "a/..", .type = '5' } }, "'..' is not allowed" },
	{ ROW_DOTS, "dots in a pax name", { { "x" } }, "'..' is not allowed",
		.pax = { { "path", UP4 "/escaped" } } },
	{ ROW_DOTS, "absolute name", { { "/abs" } }, NULL, "abs" },
	{ ROW_DOTS, "many slashes", { { "//./abs//./b" } }, NULL, "abs/b" },
	{ ROW_ROOT, "root as a file", { { "." } }, "the root of a layer" },
	{ ROW_ROOT, "root as a symlink", { { ".", "/etc", '2' } }, "the root of a layer" },
	{ ROW_ROOT, "root as a symlink, by slash", { { "/", "/etc", '2' } },
		"the root of a layer" },
	{ ROW_ROOT, "root as a hard link", { { "./", "x", '1' } }, "the root of a layer" },
	{ ROW_SYMLINK, "symlink to / and through it", { { "a", "/", '2' }, { "a/x" } }, NULL, "x" },
	{ ROW_SYMLINK, "symlink up and through it", { { "a", UP4, '2' }, { "a/x" } }, NULL, "x" },
	{ ROW_SYMLINK, "two symlinks up", { { "a", "b", '2' }, { "b", "..", '2' }, { "a/x" } },
		NULL, "x" },
	{ ROW_SYMLINK, "symlink to the host's /dev/shm", { { "a", "/dev/shm", '2' }, { "a/x" } },
		NULL, "dev/shm/x" },
	{ ROW_SYMLINK, "symlinks in a circle", { { "a", "b", '2' }, { "b", "a", '2' }, { "a/x" } },
		"too many levels" },
	{ ROW_SYMLINK, "a link to itself", { { "a", "a", '2' }, { "a/x" } }, "too many levels" },
	{ ROW_SYMLINK, "write through a symlink", { { "a", "/canary", '2' }, { "a", .data = "x" } },
		NULL, "a", "canary" },
	{ ROW_SYMLINK, "a magic link", { { "a", "/proc/self/root", '2' }, { "a/x" } }, NULL,
		"proc/self/root/x" },
	{ ROW_HARDLINK, "hard link out by name", { { "h", UP4 "/etc/passwd", '1' } },
		"operation not permitted" },
	{ ROW_HARDLINK, "hard link to an absolute name", { { "h", "/etc/passwd", '1' } },
		"hard link" },
	{ ROW_HARDLINK, "hard link through a symlink",
		{ { "s", "/etc", '2' }, { "h", "s/passwd", '1' } }, "hard link" },
	{ ROW_HARDLINK, "hard link to a directory", { { "d", .type = '5' }, { "h", "d", '1' } },
		"operation not permitted" },
	{ ROW_HARDLINK, "hard link to the root", { { "h", ".", '1' } }, "operation not permitted" },
	{ ROW_HARDLINK, "hard link to nothing", { { "h", "nowhere", '1' } }, "not in this layer" },
	{ ROW_HARDLINK, "hard link to itself", { { "h" }, { "h", "h", '1' } }, NULL, "h" },
	{ ROW_HARDLINK, "hard link to a symlink",
		{ { "s", "/etc/passwd", '2' }, { "h", "s", '1', 0777 } }, NULL, "h" },
	{ ROW_DUPLICATE, "a file as parent", { { "f" }, { "f/x" } }, NULL, "f/x" },
	{ ROW_DUPLICATE, "a FIFO as parent", { { "f", .type = '6' }, { "f/x" } }, NULL, "f/x" },
	{ ROW_DUPLICATE, "a device as parent",
		{ { "f", .type = '3', .major = 1, .minor = 3 }, { "f/x" } }, NULL, "f/x" },
	{ ROW_DUPLICATE, "a file over a directory", { { "d/e/f" }, { "d", .data = "x" } }, NULL,
		"d" },
	{ ROW_DUPLICATE, "a directory over a symlink",
		{ { "d", "/etc", '2' }, { "d/", .type = '5' }, { "d/x" } }, NULL, "d/x", "etc" },
	{ ROW_DUPLICATE, "duplicates",
		{ { "f", .data = "1" }, { "f", .data = "2" }, { "f", .data = "3" } }, NULL, "f" },
	{ ROW_DEVICE, "a forged whiteout", { { "w", .type = '3' } }, "would be a whiteout" },
	{ ROW_WHITEOUT_NAME, "whiteout of nothing", { { ".wh." } }, "a whiteout of nothing" },
	{ ROW_WHITEOUT_NAME, "whiteout of .", { { "d/.wh.." } }, "a whiteout of nothing" },
	{ ROW_WHITEOUT_NAME, "whiteout of ..", { { "d/.wh..." } }, "a whiteout of nothing" },
	{ ROW_WHITEOUT_NAME, "below a whiteout", { { "d/.wh.x/y" } }, "below a whiteout" },
	{ ROW_WHITEOUT_NAME, "AUFS bookkeeping",
		{ { ".wh..wh.plnk/1.2" }, { ".wh..wh.aufs" }, { "f" } }, NULL, "f",
		".wh..wh.plnk" },
	{ ROW_WHITEOUT_SYMLINK, "whiteout through a symlink",
		{ { "s", "/canary", '2' }, { "s/.wh.file" } }, NULL, "s" },
	{ ROW_WHITEOUT_SYMLINK, "a whiteout that is a symlink", { { ".wh.a", "/etc/passwd", '2' } },
		NULL, "a" },
	{ ROW_WHITEOUT_SYMLINK, "a whiteout that is a device", { { ".wh.a", .type = '3' } }, NULL,
		"a" },
	{ ROW_NAME, "a part that is too long", { { "x" } }, "too long",
		.pax = { { "path", LONG250 LONG50 } } },
	{ ROW_DEVICE, "FIFO", { { "p", .type = '6' } }, NULL, "p" },
	{ ROW_DEVICE, "block device", { { "b", .type = '4', .major = 8, .minor = 0 } }, NULL, "b" },
	{ ROW_PAX, "a size without digits", { { "f", .data = "x", .size_text = "99999999999" } },
		"damaged" },
	{ ROW_PAX, "a size that is negative",
		{ { "f", .size_text = "\377\377\377\377\377\377\377\377\377\377\377\377" } },
		"damaged" },
	{ ROW_PAX, "a size beyond the file", { { "f", .data = "x", .size_text = "00000077777" } },
		"damaged" },
	{ ROW_PAX, "a pax size beyond the file", { { "f", .data = "x" } }, "damaged",
		.pax = { { "size", "1000000" } } },
	{ ROW_PAX, "a pax size beyond all", { { "f", .data = "x" } }, "",
		.pax = { { "size", "99999999999999999999" } } },
	{ ROW_OWNER_TIME, "user ids beyond the kernel's", { { "f" } }, "belongs to user",
		.pax = { { "uid", "4294967295" } } },
	{ ROW_NAME, "a name of newlines and escapes", { { "a\nb\033[2J" } }, NULL, "a\nb\033[2J" },
	{ ROW_NAME, "such a name in a message", { { "\n\033[2J/.." } }, "\\x0a\\x1b[2J/.." },
	{ ROW_NAME, "a name that is no UTF-8", { { "\xff\xfe" } }, NULL, "\xff\xfe" },
	{ ROW_NAME, "a pax name that is no UTF-8", { { "x" } }, NULL, "p\xff\xfe", "x",
		.pax = { { "path", "p\xff\xfe" } } },
	{ ROW_NAME, "a pax name that is UTF-8", { { "x" } }, NULL, "d\xc3\xa9j\xc3\xa0", "x",
		.pax = { { "path", "d\xc3\xa9j\xc3\xa0" } } },
	{ ROW_NAME, "a pax link that is UTF-8", { { "x", "y", '2' } }, NULL, "x",
		.pax = { { "linkpath", "d\xc3\xa9j\xc3\xa0" } } },
	{ ROW_PAX, "a header type of its own", { { "x", .type = 'Z' } }, NULL, "x" },
	{ ROW_HARDLINK, "a hard link's own mode",
		{ { "f", .mode = 0640, .uid = 7, .data = "x" }, { "h", "f", '1', 04777 } }, NULL,
		"h", .check = h_has_the_targets_mode },
	{ ROW_HARDLINK, "hard link with a size", { { "f" }, { "h", "f", '1', .data = "x" } },
		"'h': it has a size" },
	{ ROW_RACE, "a directory that becomes a symlink",
		{ { "d/", .type = '5' }, { "d/x" }, { "d", "/canary", '2' }, { "d/y" } }, NULL,
		"canary/y", "canary/x" },
	{ ROW_RACE, "a parent of parents that does",
		{ { "a/b/c" }, { "a", "/etc", '2' }, { "a/b/x" } }, NULL, "etc/b/x" },
	{ ROW_RACE, "a symlink that becomes another",
		{ { "s", "a", '2' }, { "s/x" }, { "s", UP4 "/canary", '2' }, { "s/y" } }, NULL,
		"canary/y" },
	{ ROW_DEVICE, "character device", { { "c", .type = '3', .major = 1, .minor = 3 } }, NULL,
		"c" },
	{ ROW_DEVICE, "a forged whiteout, by a hard link", { { ".wh.w" }, { "h", ".wh.w", '1' } },
		"'h': operation not permitted" },
	{ ROW_FIFO, "a FIFO for a password file",
		{ { "etc/passwd", .type = '6' }, { "etc/group", .type = '6' } }, NULL,
		"etc/passwd" },
	{ ROW_SETUID, "set-user-id and set-group-id",
		{ { "f", .mode = 06755, .gid = 6, .data = "x" } }, NULL, "f",
		.check = nobody_else_gets_to_f },
	{ ROW_SETUID, "bits of a file that is replaced",
		{ { "f", .mode = 04755, .data = "old" },
			{ "f", .mode = 0600, .uid = 5, .data = "new" } },
		NULL, "f", .check = f_has_no_bits },
	{ ROW_WHITEOUT_NAME, "names of AUFS below a directory",
		{ { "d/.wh..wh.orph/x" }, { "d/.wh..wh.x" }, { "d/f" } }, NULL, "d/f",
		"d/.wh..wh.orph" },
	{ ROW_WHITEOUT_PARENT, "a whiteout before what it hides", { { ".wh.d" }, { "d/x" } }, NULL,
		"d/x", .check = d_is_opaque },
	{ ROW_WHITEOUT_PARENT, "a whiteout behind what it hides", { { "d/x" }, { ".wh.d" } }, NULL,
		"d/x", .check = d_is_opaque },
	{ ROW_WHITEOUT_PARENT, "a whiteout and a file of the same name", { { ".wh.f" }, { "f" } },
		NULL, "f", .check = f_is_a_file },
	{ ROW_WHITEOUT_PARENT, "a file and a whiteout of the same name", { { "f" }, { ".wh.f" } },
		NULL, "f", .check = f_is_a_file },
	{ ROW_WHITEOUT_PARENT, "whiteouts below missing directories", .make = make_deep_whiteouts,
		.there = "missing-59/and/more/that/is/missing/too/x" },
	{ ROW_WHITEOUT_PARENT, "a whiteout of nothing here", { { ".wh.a" } }, NULL, "a",
		.check = a_is_a_whiteout },
	{ ROW_OPAQUE, "an opaque mark in the middle",
		{ { "d/a" }, { "d/.wh..wh..opq" }, { "d/b" } }, NULL, "d/a", .check = d_is_opaque },
	{ ROW_OPAQUE, "an opaque mark at the end", { { "d/a" }, { "d/b" }, { "d/.wh..wh..opq" } },
		NULL, "d/b", "d/.wh..wh..opq", .check = d_is_opaque },
	{ ROW_OPAQUE, "a whiteout in an opaque directory",
		{ { "d/.wh.x" }, { "d/e/.wh.y" }, { "d/.wh..wh..opq" } }, NULL, "d", "d/x" },
	{ ROW_OPAQUE, "an opaque mark in a file's place", { { "d" }, { "d/.wh..wh..opq" } }, NULL,
		"d" },
	{ ROW_XATTR_SIZE, "a large attribute", .make = make_large_xattr,
		.refusal = "member 'large': extended attributes of more than 64 KiB" },
	{ ROW_XATTR_SIZE, "many attributes", .make = make_many_xattrs,
		.refusal = "member 'many': extended attributes of more than 64 KiB" },
	{ ROW_XATTR_SIZE, "a long attribute name", .make = make_long_xattr,
		.refusal = "member 'long': extended attributes" },
	{ ROW_XATTR_SIZE, "a large pax header", .make = make_large_pax,
		.refusal = "more than the 1 MiB allowed" },
	{ ROW_XATTR_SIZE, "a large long name", .make = make_large_long_name,
		.refusal = "more than the 1 MiB allowed" },
	{ ROW_PAX, "a pax size against the header's", .make = make_pax_size, .there = "f",
		.absent = "evil", .check = evil_is_content },
	{ ROW_PAX, "a pax size of nothing", .make = make_pax_size_zero, .there = "evil" },
	{ ROW_PAX, "a pax size before a long name", .make = make_pax_size_before_long_name,
		.there = "long", .absent = "evil" },
	{ ROW_PAX, "two pax headers", .make = make_two_pax_headers, .refusal = "two pax headers" },
	{ ROW_PAX, "a pax size that is no number", { { "f" } }, "size that is no number",
		.pax = { { "size", "5x" } } },
	{ ROW_PAX, "a pax size that is negative", { { "f" } }, "size that is no number",
		.pax = { { "size", "-1" } } },
	{ ROW_PAX, "a pax size that is empty", { { "f" } }, "size that is no number",
		.pax = { { "size", "" } } },
	{ ROW_PAX, "a pax size of a symlink", { { "s", "x", '2' } }, "'s': it has a size",
		.pax = { { "size", "512" } } },
	{ ROW_PAX, "a pax size of a directory", { { "d", .type = '5' } }, "'d': it has a size",
		.pax = { { "size", "512" } } },
	{ ROW_PAX, "a pax size of a hard link", { { "h", "f", '1' } }, "'h': it has a size",
		.pax = { { "size", "512" } } },
	{ ROW_PAX, "a directory with a size",
		{ { "d", .type = '5', .size_text = "00000001000" }, { "f" } }, NULL, "f" },
	{ ROW_PAX, "a NUL in a pax name", .make = make_nul,
		.refusal = "'good': its pax header has a name with a NUL" },
	{ ROW_PAX, "a NUL in a pax link", .make = make_nul_in_link,
		.refusal = "a name with a NUL" },
	{ ROW_PAX, "a NUL in a pax key", .make = make_nul_in_key,
		.refusal = "a record without a name" },
	{ ROW_PAX, "a NUL in a long name", .make = make_long_name_with_nul,
		.refusal = "'good': its long name has a NUL" },
	{ ROW_PAX, "a global header", .make = make_global, .there = "f", .absent = "evil" },
	{ ROW_PAX, "a volume's label", { { "v", .type = 'V', .gnu = true }, { "f" } },
		"'v': it is of a kind" },
	{ ROW_PAX, "the rest of a file", { { "v", .type = 'M', .gnu = true }, { "f" } },
		"'v': it is of a kind" },
	PAX_BODIES(PAX_ROW){ ROW_SPARSE, "a sparse bomb by pax", .make = make_sparse_pax,
		.refusal = "member 'bomb': with it, files have more than the 1024 MiB",
		.options = { .max_bytes = 1 << 30 } },
	{ ROW_SPARSE, "a sparse bomb the old way", .make = make_sparse_old,
		.refusal = "member 'bomb': with it, files have more than the 1024 MiB",
		.options = { .max_bytes = 1 << 30 } },
	{ ROW_CUT, "two archives", .make = make_two_archives,
		.refusal = "something follows the archive" },
	{ ROW_NAME, "case twins", { { "twin", .data = "a" }, { "TWIN", .data = "b" } }, NULL,
		"TWIN" },
	{ ROW_NAME, "a path of 5000 bytes", .make = make_path_5000, .refusal = "'d/d/d/" },
	{ ROW_NAME, "a path of 100000 bytes", .make = make_path_100000, .refusal = "too long" },
	{ ROW_COUNT, "too many files", .make = make_2000_files,
		.refusal = "member 'f1000': with it, more than the 1001 files",
		.options = { .max_entries = 1001 } },
	{ ROW_COUNT, "too many links", .make = make_2000_links,
		.refusal = "more than the 1000 files", .options = { .max_entries = 1000 } },
	{ ROW_COUNT, "too many directories on the way", .make = make_implicit_directories,
		.refusal = "more than the 1000 files", .options = { .max_entries = 1000 } },
	{ ROW_OWNER_TIME, "the last user id", { { "f" } }, NULL, "f",
		.pax = { { "uid", "4294967294" } } },
	{ ROW_OWNER_TIME, "group ids beyond the kernel's", { { "f" } }, "'f' belongs to user",
		.pax = { { "gid", "4294967295" } } },
	{ ROW_OWNER_TIME, "a negative user id", { { "f" } }, "'f' belongs to user -1",
		.pax = { { "uid", "-1" } } },
	{ ROW_OWNER_TIME, "a user id beyond all", { { "f" } }, "'f' belongs to user",
		.pax = { { "uid", "99999999999999999999" } } },
	{ ROW_OWNER_TIME, "a time before 1970", { { "f" } }, NULL, "f", .check = f_is_old,
		.pax = { { "mtime", "-1000" } } },
	{ ROW_OWNER_TIME, "a time far from now", { { "f" } }, NULL, "f",
		.pax = { { "mtime", "1099511627776.5" } } },
	{ ROW_OWNER_TIME, "a time beyond all", { { "f" } }, NULL, "f",
		.pax = { { "mtime", "99999999999999999999999" } } },
	{ ROW_FLAGS, "immutable and append-only", { { "f" } }, NULL, "f", .check = f_has_no_flags,
		.pax = { { "SCHILY.fflags", "uappnd,uchg,sappnd,schg,simmutable,nodump" } } },
};

START_TEST(is_refused_or_confined)
{
	const struct hostile_tar *h = &tars[_i];
	struct hostile_before before = hostile_begin();
	struct tarball t = { 0 };
	struct stat st;

	for (size_t i = 0; i < 2 && h->pax[i].key; i++)
		tarball_pax(&t, h->pax[i].key, h->pax[i].value, strlen(h->pax[i].value));
	for (size_t i = 0; i < 6 && h->rows[i].name; i++)
		tarball_add(&t, &h->rows[i]);
	if (h->make)
		h->make(&t);
	tarball_end(&t);
	listing_outside(&before.outside);
	int r = scene_import(&t, &h->options);
	tarball_done(&t);
	hostile_end(h->name, r, h->refusal, &before);
	if (h->refusal)
		return;
	ck_assert_msg(
		lstat(hostile_path(h->there), &st) == 0, "%s: '%s' is missing", h->name, h->there);
	if (h->absent)
		ck_assert_msg(lstat(hostile_path(h->absent), &st) < 0, "%s: '%s' is there", h->name,
			h->absent);
	if (h->check)
		h->check();
}
END_TEST

START_TEST(image_is_refused)
{
	const struct hostile_image *h = &images[_i];
	struct hostile_before before = hostile_begin();

	h->make();
	listing_outside(&before.outside);
	int r = scene_load(h->archive ? "archive" : "layout", &h->options);
	hostile_end(h->name, r, h->refusal, &before);
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

/* Where else a row is shown: a test of that name in that file. */
static const struct {
	enum hostile_row row;
	const char *file, *test;
} elsewhere[] = {
	{ ROW_FIFO, "tests/cli/hostile.bats", "a FIFO or a symlink for a password file" },
	{ ROW_COUNT, "tests/cli/hostile.bats",
		"more links to a file than its file system takes: the name of the first that is too many" },
	{ ROW_CONFIG, "tests/cli/hostile.bats", "users that are no numbers, or too large ones" },
	{ ROW_CONFIG, "tests/cli/hostile.bats", "a working directory and volumes behind symlinks" },
	{ ROW_CONFIG, "tests/cli/hostile.bats", "labels and annotations choose nothing" },
	{ ROW_EXEC, "tests/cli/hostile.bats",
		"no program or library of an image is run or opened" },
};

static bool has_test(const char *file, const char *test)
{
	autofree char *line = str_format("@test \"%s\" {", test), *text = NULL;
	size_t n;

	return fd_read_file(AT_FDCWD, file, 1 << 20, &text, &n, &scene_err) == 0 &&
	       strstr(text, line) != NULL;
}

START_TEST(every_row_has_a_case)
{
	size_t cases[HOSTILE_N_ROWS] = { 0 };

	for (size_t i = 0; i < sizeof(tars) / sizeof(tars[0]); i++)
		cases[tars[i].row]++;
	for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++)
		cases[images[i].row]++;
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		ck_assert_msg(has_test(elsewhere[i].file, elsewhere[i].test), "no test '%s' in %s",
			elsewhere[i].test, elsewhere[i].file);
		cases[elsewhere[i].row]++;
	}
	cases[ROW_OVERLAY_XATTR] += 1; /* takes_listed_xattrs_only */
	for (size_t i = 0; i < HOSTILE_N_ROWS; i++)
		ck_assert_msg(cases[i] > 0, "no case for %s", hostile_rows[i]);
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_test(cases, every_row_has_a_case);
	tcase_add_loop_test(cases, is_refused_or_confined, 0, sizeof(tars) / sizeof(tars[0]));
	tcase_add_loop_test(cases, image_is_refused, 0, sizeof(images) / sizeof(images[0]));
	tcase_add_test(cases, takes_listed_xattrs_only);
	tcase_add_test(cases, takes_and_removes_the_deepest_name);
	tcase_add_test(cases, refuses_cut_off_tars);
}

int main(void)
{
	return scene_run("overlay_hostile", fill);
}
