/* Tars that were made to get out of the layer, to forge overlay's own marks, or to exhaust us. */
#ifndef TESTS_UNIT_HOSTILE_TARS_H
#define TESTS_UNIT_HOSTILE_TARS_H

#include <linux/fs.h>
#include <sys/ioctl.h>

#include "tests/unit/hostile.h"

struct hostile_tar {
	enum hostile_row row;
	const char *name;
	struct tar_row rows[6]; /* ends with one without a name */
	const char *refusal;	/* part of the reason; NULL: it is taken ... */
	const char *there;	/* ... and this is in the layer, ... */
	const char *absent;	/* ... this is not, ... */
	void (*check)(void);	/* ... and this holds */
	const struct {
		const char *key, *value;
	} pax[2];			 /* before the first row */
	void (*make)(struct tarball *t); /* instead of rows */
	struct import_options options;
};

/* --- makers -------------------------------------------------------------------------------------
 */

/* An extension header as it stands there. */
static inline void add_extension(struct tarball *t, char type, const char *body, size_t n)
{
	tarball_add(t, &(struct tar_row){ .name = "extension",
			       .type = type,
			       .data = n ? body : NULL,
			       .data_len = n });
}

#define ADD_TEXT(t, type, text) add_extension(t, type, text, sizeof(text) - 1)

static inline void add_name(struct tarball *t, const char *name)
{
	tarball_add(t, &(struct tar_row){ .name = name });
}

/* 512 bytes of content that are a header of their own. */
static inline struct tarball inner_header(void)
{
	struct tarball inner = { 0 };

	tarball_add(&inner, &(struct tar_row){ .name = "evil" });
	return inner;
}

static inline void add_inner(struct tarball *t, const char *name, const char *size_text)
{
	struct tarball inner = inner_header();

	tarball_add(t, &(struct tar_row){ .name = name,
			       .data = inner.bytes.data,
			       .data_len = inner.bytes.len,
			       .size_text = size_text });
	tarball_done(&inner);
}

static inline void make_pax_size(struct tarball *t)
{
	tarball_pax(t, "size", "512", 3);
	add_inner(t, "f", "00000000000");
}

static inline void make_pax_size_zero(struct tarball *t)
{
	tarball_pax(t, "size", "0", 1);
	add_inner(t, "f", "00000001000");
}

static inline void make_pax_size_before_long_name(struct tarball *t)
{
	tarball_pax(t, "size", "512", 3);
	ADD_TEXT(t, 'L', "long\0");
	add_inner(t, "f", "00000000000");
}

static inline void make_two_pax_headers(struct tarball *t)
{
	tarball_pax(t, "size", "512", 3);
	tarball_pax(t, "comment", "x", 1);
	add_inner(t, "f", "00000000000");
}

static inline void make_long_name_with_nul(struct tarball *t)
{
	ADD_TEXT(t, 'L', "good\0/../evil\0");
	add_name(t, "f");
}

static inline void make_global(struct tarball *t)
{
	ADD_TEXT(t, 'g', "13 path=evil\n12 size=512\n");
	add_name(t, "f");
}

static inline void make_nul(struct tarball *t)
{
	tarball_pax(t, "path", "good\0/../evil", 13);
	add_name(t, "f");
}

static inline void make_nul_in_link(struct tarball *t)
{
	tarball_pax(t, "linkpath", "a\0b", 3);
	tarball_add(t, &(struct tar_row){ .name = "f", .link = "x", .type = '2' });
}

static inline void make_nul_in_key(struct tarball *t)
{
	ADD_TEXT(t, 'x', "12 pa\0th=ab\n");
	add_name(t, "f");
}

#define PAX_BODIES(BODY)                                                                           \
	BODY(0, "9 path=evil\n")                                                                   \
	BODY(1, "99 path=evil\n")                                                                  \
	BODY(2, "0 path=evil\n")                                                                   \
	BODY(3, "-12 path=evil\n")                                                                 \
	BODY(4, "18446744073709551628 path=evil\n")                                                \
	BODY(5, "path=evil\n")                                                                     \
	BODY(6, "13 path=evil ")                                                                   \
	BODY(7, "9 nosign\n")                                                                      \
	BODY(8, "0xc path=evil\n")                                                                 \
	BODY(9, " 12 path=evil\n")
#define PAX_MAKER(n, body)                                                                         \
	static inline void make_pax_body_##n(struct tarball *t)                                    \
	{                                                                                          \
		ADD_TEXT(t, 'x', body);                                                            \
		add_name(t, "f");                                                                  \
	}
PAX_BODIES(PAX_MAKER)

static inline void add_filled_xattr(struct tarball *t, const char *name, size_t n)
{
	char *value = malloc(n);

	memset(value, 'v', n);
	tarball_pax(t, name, value, n);
	free(value);
}

static inline void make_large_xattr(struct tarball *t)
{
	add_filled_xattr(t, "SCHILY.xattr.user.large", (64 << 10) + 1);
	add_name(t, "large");
}

static inline void make_long_xattr(struct tarball *t)
{
	char name[400] = "SCHILY.xattr.user.";

	memset(name + strlen(name), 'n', 300);
	add_filled_xattr(t, name, 10);
	add_name(t, "long");
}

static inline void make_many_xattrs(struct tarball *t)
{
	struct str body = { 0 };
	char name[40], value[1000];

	memset(value, 'v', sizeof(value));
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "SCHILY.xattr.user.%04d", i);
		str_addf(&body, "%zu %s=", strlen(name) + sizeof(value) + 7, name);
		str_add_bytes(&body, value, sizeof(value));
		str_add(&body, "\n");
	}
	add_extension(t, 'x', body.data, body.len);
	add_name(t, "many");
	str_done(&body);
}

static inline void make_large_pax(struct tarball *t)
{
	for (int i = 0; i < 2; i++)
		add_filled_xattr(t, "comment", (1 << 20) * (size_t)(1 - i) + 1);
	add_name(t, "f");
}

static inline void make_large_long_name(struct tarball *t)
{
	char *name = calloc(1, (1 << 20) + 1);

	memset(name, 'n', 1 << 20);
	add_extension(t, 'L', name, (1 << 20) + 1);
	add_name(t, "f");
	free(name);
}

static inline void make_long_path(struct tarball *t, int parts)
{
	struct str path = { 0 };

	for (int i = 0; i < parts; i++)
		str_add(&path, "d/");
	tarball_pax(t, "path", path.data, path.len);
	add_name(t, "x");
	str_done(&path);
}

static inline void make_path_5000(struct tarball *t)
{
	make_long_path(t, 2500);
}

static inline void make_path_100000(struct tarball *t)
{
	make_long_path(t, 50000);
}

static inline void make_2000_files(struct tarball *t)
{
	char name[16];

	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		add_name(t, name);
	}
}

static inline void make_2000_links(struct tarball *t)
{
	char name[16];

	add_name(t, "f");
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		tarball_add(t, &(struct tar_row){ .name = name, .link = "f", .type = '1' });
	}
}

/* Directories on the way count: 20 members must not make 2000 of them. */
static inline void make_implicit_directories(struct tarball *t)
{
	struct str path = { 0 };

	for (int i = 0; i < 20; i++) {
		path.len = 0;
		str_addf(&path, "n%d/", i);
		for (int j = 0; j < 100; j++)
			str_add(&path, "d/");
		str_add(&path, "x");
		tarball_pax(t, "path", path.data, path.len);
		add_name(t, "x");
	}
	str_done(&path);
}

/* Directories are made for it while the list that it is in is gone through. */
static inline void make_deep_whiteouts(struct tarball *t)
{
	char name[100];

	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "missing-%d/and/more/that/is/missing/too/.wh.x", i);
		add_name(t, name);
	}
}

/* 8 TiB in a few hundred bytes: holes count. */
static inline void make_sparse_pax(struct tarball *t)
{
	static const char map[] = "1\n0\n1\n";
	char data[TAR_BLOCK_SIZE + 1] = { 0 };
	struct str records = { 0 };
	static const struct {
		const char *key, *value;
	} pax[] = { { "GNU.sparse.major", "1" }, { "GNU.sparse.minor", "0" },
		{ "GNU.sparse.name", "bomb" }, { "GNU.sparse.realsize", "8796093022208" } };

	memcpy(data, map, sizeof(map) - 1);
	data[TAR_BLOCK_SIZE] = 'x';
	for (size_t i = 0; i < 4; i++)
		str_addf(&records, "%zu %s=%s\n", strlen(pax[i].key) + strlen(pax[i].value) + 5,
			pax[i].key, pax[i].value);
	add_extension(t, 'x', records.data, records.len);
	tarball_add(t, &(struct tar_row){ .name = "x", .data = data, .data_len = sizeof(data) });
	str_done(&records);
}

/* The old way: four pieces in the header itself, and the real size behind them. */
static inline void make_sparse_old(struct tarball *t)
{
	size_t at = t->bytes.len;

	tarball_add(t, &(struct tar_row){ .name = "bomb", .type = 'S', .data = "x", .gnu = true });
	char *block = t->bytes.data + at;
	memset(block + 345, 0, TAR_BLOCK_SIZE - 345);
	tarball_field(block, 386, 12, "00000000000");
	tarball_field(block, 398, 12, "00000000001");
	tarball_field(block, 483, 12, "77777777777"); /* 8 GiB */
	tarball_checksum(block);
}

static inline void make_two_archives(struct tarball *t)
{
	add_name(t, "f");
	tarball_end(t);
	add_name(t, "g");
}

/* --- checks -------------------------------------------------------------------------------------
 */

static inline bool is_opaque(const char *name)
{
	char value[8];

	return lgetxattr(hostile_path(name), "trusted.overlay.opaque", value, sizeof(value)) > 0;
}

static inline void d_is_opaque(void)
{
	ck_assert(is_opaque("d"));
}

static inline void f_is_a_file(void)
{
	struct stat st;

	ck_assert_int_eq(lstat(hostile_path("f"), &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}

static inline void evil_is_content(void)
{
	struct stat st;

	f_is_a_file();
	ck_assert_int_eq(lstat(hostile_path("f"), &st), 0);
	ck_assert_int_eq(st.st_size, 512);
}

static inline void a_is_a_whiteout(void)
{
	struct stat st;

	ck_assert_int_eq(lstat(hostile_path("a"), &st), 0);
	ck_assert(S_ISCHR(st.st_mode) && st.st_rdev == 0);
}

static inline void f_has_no_flags(void)
{
	autofd int fd = open(hostile_path("f"), O_RDONLY | O_CLOEXEC);
	int flags = 0;

	ck_assert_int_ge(fd, 0);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0)
		ck_assert_int_eq(flags & (FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL), 0);
}

static inline void f_is_old(void)
{
	struct stat st;

	ck_assert_int_eq(lstat(hostile_path("f"), &st), 0);
	ck_assert_int_eq(st.st_mtime, -1000);
}

static inline void h_has_the_targets_mode(void)
{
	struct stat st;

	ck_assert_int_eq(lstat(hostile_path("h"), &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFREG | 0640);
	ck_assert_uint_eq(st.st_uid, 7);
	ck_assert_uint_eq(st.st_nlink, 2);
}

/* A set-user-id file that another one replaces leaves no bits behind. */
static inline void f_has_no_bits(void)
{
	struct stat st;

	ck_assert_int_eq(lstat(hostile_path("f"), &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFREG | 0600);
	ck_assert_uint_eq(st.st_uid, 5);
}

static inline void nobody_else_gets_to_f(void)
{
	static const char *const rooms[] = { "store", "store/layers", "store/tmp", "store/trash" };
	struct stat st;

	ck_assert_int_eq(lstat(hostile_path("f"), &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFREG | 06755);
	ck_assert_uint_eq(st.st_gid, 6);
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		ck_assert_int_eq(stat(scene_path(rooms[i]), &st), 0);
		ck_assert_msg((st.st_mode & 07777) == 0700, "%s: %o", rooms[i], st.st_mode);
	}
}

#endif
