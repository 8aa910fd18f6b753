/* overlay/pack.h: changes as a tar, held against what overlay/tar.h reads of it. */
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "overlay/pack.h"
#include "overlay/tar.h"
#include "overlay/tar_writer.h"
#include "tests/unit/scene.h"

enum { AT = 1000000000 };

static struct str list; /* the members that were read, a word each */
static char xattrs[200];

static void settle(const char *path, long nanoseconds)
{
	struct timespec at[2] = { { AT, nanoseconds }, { AT, nanoseconds } };

	ck_assert_int_eq(utimensat(AT_FDCWD, scene_path(path), at, AT_SYMLINK_NOFOLLOW), 0);
}

static void make(const char *path, const char *text)
{
	if (!text)
		ck_assert_int_eq(mkdir(scene_path(path), 0755), 0);
	else
		scene_write(path, text, strlen(text));
	settle(path, 0);
}

static void begin(void)
{
	umask(022);
	make("own", NULL);
	make("image", NULL);
}

static int write_fd(void *to, const void *data, size_t n, struct err *e)
{
	(void)e;
	return fd_write_all(*(int *)to, data, n);
}

/* Into the file "tar". */
static int pack_with(struct changes *c)
{
	int fd = open(scene_path("tar"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	c->own = open(scene_path("own"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	c->image = open(scene_path("image"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = pack_changes(c, write_fd, &fd, &scene_err);
	close(c->own);
	close(c->image);
	close(fd);
	return r;
}

struct source {
	int fd;
	char bytes[1 << 16];
};

static ssize_t next(void *from, const void **ret)
{
	struct source *s = from;

	*ret = s->bytes;
	return read(s->fd, s->bytes, sizeof(s->bytes));
}

static void read_content(struct tar *t)
{
	const void *data;
	size_t n;
	uint64_t offset;

	while (tar_read(t, &data, &n, &offset, &scene_err) > 0)
		if (n)
			str_addf(&list, ":%d@%ju", (int)n, (uintmax_t)offset);
}

static int read_back(void)
{
	struct source s = { .fd = open(scene_path("tar"), O_RDONLY | O_CLOEXEC) };
	struct tar_member m;
	struct tar *t;
	const char *name;
	const void *value;
	size_t n;
	int r;

	str_done(&list);
	list = (struct str){ 0 };
	xattrs[0] = '\0';
	ck_assert_int_eq(tar_open(next, &s, &t, &scene_err), 0);
	while ((r = tar_next(t, &m, &scene_err)) > 0) {
		str_addf(&list, "%s%c%s%s", list.len ? " " : "", "fdlhcbp"[m.kind], m.path,
			m.link ? ">" : "");
		str_add(&list, m.link ? m.link : "");
		while (tar_next_xattr(t, &name, &value, &n))
			snprintf(xattrs + strlen(xattrs), sizeof(xattrs) - strlen(xattrs),
				"%s=%zu ", name, n);
		read_content(t);
	}
	tar_free(t);
	close(s.fd);
	return r;
}

static void packs(struct changes *c, const char *expected)
{
	int r = pack_with(c);

	ck_assert_msg(r == 0, "%s", scene_err.text);
	ck_assert_msg(read_back() == 0, "%s", scene_err.text);
	ck_assert_str_eq(list.data ? list.data : "", expected);
}

START_TEST(members_of_every_kind)
{
	struct changes c = { 0 };

	begin();
	make("image/gone", "x");
	make("own/d", NULL);
	make("own/d/f", "hello");
	ck_assert_int_eq(symlink("../x", scene_path("own/l")), 0);
	ck_assert_int_eq(mkfifo(scene_path("own/p"), 0600), 0);
	ck_assert_int_eq(mknod(scene_path("own/null"), S_IFCHR, makedev(1, 3)), 0);
	ck_assert_int_eq(mknod(scene_path("own/gone"), S_IFCHR, makedev(0, 0)), 0);
	ck_assert_int_eq(link(scene_path("own/d/f"), scene_path("own/also")), 0);
	packs(&c, "falso:5@0 dd/ hd/f>also f.wh.gone ll>../x cnull pp");
}
END_TEST

START_TEST(opaque_where_the_image_has_something_to_hide)
{
	struct changes c = { 0 };

	begin();
	make("image/d", NULL);
	make("image/d/old", "x");
	make("image/f", "x");
	make("own/d", NULL);
	make("own/d/sub", NULL);
	make("own/f", NULL);
	make("own/n", NULL);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
			setxattr(scene_path((const char *[]){ "own/d", "own/f", "own/n" }[i]),
				"trusted.overlay.opaque", "y", 1, 0),
			0);
	packs(&c, "dd/ fd/.wh..wh..opq dd/sub/ df/ dn/");
	c.everything = true;
	packs(&c, "d./ dd/ dd/sub/ df/ dn/");
}
END_TEST

START_TEST(the_same_bytes)
{
	struct changes c = { 0 };
	autofree char *first = NULL, *second = NULL;
	size_t n, m;

	begin();
	make("own/b", "x");
	make("own/a", "x");
	ck_assert_int_eq(pack_with(&c), 0);
	ck_assert_int_eq(
		fd_read_file(AT_FDCWD, scene_path("tar"), 1 << 20, &first, &n, &scene_err), 0);
	ck_assert_int_eq(unlink(scene_path("own/b")), 0);
	make("own/b", "x"); /* another inode, at another place in the directory */
	ck_assert_int_eq(pack_with(&c), 0);
	ck_assert_int_eq(
		fd_read_file(AT_FDCWD, scene_path("tar"), 1 << 20, &second, &m, &scene_err), 0);
	ck_assert_uint_eq(n, m);
	ck_assert_int_eq(memcmp(first, second, n), 0);
	ck_assert_uint_eq(n, 6 * 512); /* nothing but headers, data and the end */
}
END_TEST

START_TEST(attributes_are_whole)
{
	static const char caps[24] = "\1\0\0\3\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\240\206\1";
	struct id_map map = { .inside = 0, .outside = 100000, .size = 65536 };
	struct changes c = { 0 };

	begin();
	make("own/f", "x");
	ck_assert_int_eq(chown(scene_path("own/f"), 3000000, 7), 0);
	ck_assert_int_eq(setxattr(scene_path("own/f"), "security.capability", caps, 24, 0), 0);
	ck_assert_int_eq(setxattr(scene_path("own/f"), "trusted.overlay.origin", "x", 1, 0), 0);
	bool has_user = setxattr(scene_path("own/f"), "user.x", "a\0b", 3, 0) == 0;
	settle("own/f", 123456789);
	ck_assert_int_eq(pack_with(&c), 0);
	ck_assert_int_eq(read_back(), 0);
	ck_assert_str_eq(
		xattrs, has_user ? "user.x=3 security.capability=24 " : "security.capability=24 ");
	c.uids = &map;
	c.n_uids = 1;
	ck_assert_int_eq(pack_with(&c), 0);
	ck_assert_int_eq(read_back(), 0);
	ck_assert_str_eq(
		xattrs, has_user ? "user.x=3 security.capability=20 " : "security.capability=20 ");
}
END_TEST

START_TEST(long_and_strange_names)
{
	struct changes c = { 0 };
	char name[300] = "own/", expected[700];

	begin();
	memset(name + 4, 'n', 200);
	make(name, "x");
	make("own/\xff\xc3\xa4 \n", "x");
	ck_assert_int_eq(symlink(name + 4, scene_path("own/l")), 0);
	settle("own/l", 0);
	snprintf(expected, sizeof(expected), "ll>%s f%s:1@0 f\xff\xc3\xa4 \n:1@0", name + 4,
		name + 4);
	packs(&c, expected);
}
END_TEST

START_TEST(holes_stay_holes)
{
	struct changes c = { 0 };
	struct stat st;

	begin();
	make("own/f", "x");
	ck_assert_int_eq(truncate(scene_path("own/f"), 64 << 20), 0);
	packs(&c, "ff:4096@0");
	ck_assert_int_eq(stat(scene_path("tar"), &st), 0);
	ck_assert_int_lt(st.st_size, 16384);
}
END_TEST

START_TEST(sockets_are_left_out)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct changes c = { 0 };

	begin();
	make("own/f", "x");
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", scene_path("own/s"));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	close(fd);
	packs(&c, "ff:1@0");
}
END_TEST

START_TEST(names_of_deletions_are_refused)
{
	struct changes c = { 0 };

	begin();
	make("own/d", NULL);
	make("own/d/.wh.x", "x");
	ck_assert_int_eq(pack_with(&c), -EINVAL);
	ck_assert_str_eq(scene_err.text, "'/d/.wh.x' has a name that means a deletion in a layer");
	ck_assert_int_eq(read_back(), -ERR_DAMAGED); /* what was written is no tar */
}
END_TEST

START_TEST(numbers_beyond_ustar)
{
	struct tar_member m = {
		.path = "f", .kind = TAR_FILE, .uid = 4294967294u, .mtime = { -5, 500000000 }
	};
	struct tar_writer *t;
	struct source s = { .fd = open(scene_path("tar"), O_RDWR | O_CREAT | O_CLOEXEC, 0600) };
	struct tar *in;

	ck_assert_int_eq(tar_writer_open(write_fd, &s.fd, &t, &scene_err), 0);
	ck_assert_int_eq(tar_writer_add(t, &m, NULL, NULL, 0, &scene_err), 0);
	ck_assert_int_eq(tar_writer_end(t, &scene_err), 0);
	tar_writer_free(t);
	ck_assert_int_eq(lseek(s.fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(tar_open(next, &s, &in, &scene_err), 0);
	ck_assert_int_eq(tar_next(in, &m, &scene_err), 1);
	ck_assert_uint_eq(m.uid, 4294967294u);
	ck_assert_int_eq(m.mtime.tv_sec, -5);
	ck_assert_int_eq(m.mtime.tv_nsec, 0);
	tar_free(in);
	close(s.fd);
}
END_TEST

/* A redirect that leads over a symlink, or to what is no file, is not the kernel's. */
START_TEST(content_is_read_beneath_the_image)
{
	static const struct {
		const char *to;
		int code;
	} rows[] = { { "/escape/etc/passwd", ELOOP }, { "/link", ELOOP }, { "/fifo", EINVAL },
		{ "/../secret", EXDEV }, { "/d", EINVAL } };
	struct changes c = { 0 };

	begin();
	make("secret", "S");
	make("image/d", NULL);
	ck_assert_int_eq(symlink("/", scene_path("image/escape")), 0);
	ck_assert_int_eq(symlink("../secret", scene_path("image/link")), 0);
	ck_assert_int_eq(mkfifo(scene_path("image/fifo"), 0600), 0);
	make("own/f", "-");
	ck_assert_int_eq(setxattr(scene_path("own/f"), "trusted.overlay.metacopy", "", 0, 0), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(setxattr(scene_path("own/f"), "trusted.overlay.redirect",
					 rows[i].to, strlen(rows[i].to), 0),
			0);
		ck_assert_msg(pack_with(&c) == -rows[i].code, "%s: %s", rows[i].to, scene_err.text);
	}
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_test(cases, members_of_every_kind);
	tcase_add_test(cases, opaque_where_the_image_has_something_to_hide);
	tcase_add_test(cases, the_same_bytes);
	tcase_add_test(cases, attributes_are_whole);
	tcase_add_test(cases, long_and_strange_names);
	tcase_add_test(cases, holes_stay_holes);
	tcase_add_test(cases, sockets_are_left_out);
	tcase_add_test(cases, names_of_deletions_are_refused);
	tcase_add_test(cases, numbers_beyond_ustar);
	tcase_add_test(cases, content_is_read_beneath_the_image);
}

int main(void)
{
	return scene_run("overlay_pack", fill);
}
