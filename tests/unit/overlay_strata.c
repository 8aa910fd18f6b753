/* A path of a container, found in the layer that really has it. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "overlay/strata.h"
#include "overlay/stub.h"
#include "spec/base/fd.h"
#include "tests/unit/run.h"

static char scene[] = "/var/tmp/cowrun-test.strata.XXXXXX";
static int top = -1;

static void scene_make(void)
{
	ck_assert_ptr_nonnull(mkdtemp(scene));
	top = open(scene, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(top, 0);
}

static void scene_remove(void)
{
	autofd int above = openat(top, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct err e;

	close(top);
	ck_assert_int_eq(fd_remove_tree(above, strrchr(scene, '/') + 1, &e), 0);
}

/* Makes the directories on the way too. */
static int put(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s", name);
	for (char *at = path; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		mkdirat(top, path, 0755);
	}
	int fd = openat(top, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
	return fd;
}

static void put_file(const char *name, const char *text)
{
	close(put(name, text));
}

static int dir(const char *name)
{
	mkdirat(top, name, 0755);
	int fd = openat(top, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* Own files, a layer "b" over a layer "a", and contents of a store. */
static struct strata strata_make(void)
{
	struct strata s = { .v = calloc(3, sizeof(*s.v)),
		.n = 3,
		.objects = dir("objects"),
		.form = FORM_USER,
		.ours = true };

	s.v[0] = (struct stratum){ dir("own"), strdup(""), true };
	s.v[1] = (struct stratum){ dir("b"), strdup("b"), false };
	s.v[2] = (struct stratum){ dir("a"), strdup("a"), false };
	return s;
}

/* The one whose content that is. */
static int says(void *data, int file)
{
	char text[64] = "";

	ck_assert_int_ge(pread(file, text, sizeof(text) - 1, 0), 0);
	return strcmp(text, data) == 0;
}

/* The name of the layer in which it was found, "-" for none. */
static const char *where(const struct strata *s, const char *path, const char *content)
{
	static struct strata_hit hit;
	int r = strata_find(s, path, says, (void *)content, &hit);

	ck_assert_int_ge(r, 0);
	return r ? hit.stratum->name : "-";
}

START_TEST(candidates_come_from_the_top)
{
	scene_make();
	automatic(strata) struct strata s = strata_make();
	put_file("own/etc/x", "mine");
	put_file("b/etc/x", "upper");
	put_file("a/etc/x", "lower");
	put_file("a/only", "lower");
	ck_assert_str_eq(where(&s, "/etc/x", "mine"), "");
	ck_assert_str_eq(where(&s, "/etc/x", "upper"), "b");
	ck_assert_str_eq(where(&s, "/etc/x", "lower"), "a");
	ck_assert_str_eq(where(&s, "/only", "lower"), "a");
	ck_assert_str_eq(where(&s, "/only", "another"), "-");
	ck_assert_str_eq(where(&s, "/none", ""), "-");
	ck_assert_str_eq(where(&s, "/", ""), "-");
	scene_remove();
}
END_TEST

START_TEST(what_stands_in_the_way_is_passed_by)
{
	scene_make();
	automatic(strata) struct strata s = strata_make();
	put_file("a/etc/x", "lower");
	/* A link, a directory, a FIFO and a whiteout of the container's; nothing waits, nothing is followed. */
	ck_assert_int_eq(mkdirat(top, "own/etc", 0755), 0);
	ck_assert_int_eq(symlinkat("/etc/passwd", top, "own/etc/x"), 0);
	ck_assert_str_eq(where(&s, "/etc/x", "lower"), "a");
	ck_assert_int_eq(unlinkat(top, "own/etc/x", 0), 0);
	ck_assert_int_eq(mkdirat(top, "own/etc/x", 0755), 0);
	ck_assert_str_eq(where(&s, "/etc/x", "lower"), "a");
	ck_assert_int_eq(unlinkat(top, "own/etc/x", AT_REMOVEDIR), 0);
	ck_assert_int_eq(mkfifoat(top, "own/etc/x", 0644), 0);
	ck_assert_str_eq(where(&s, "/etc/x", "lower"), "a");
	ck_assert_int_eq(unlinkat(top, "own/etc/x", 0), 0);
	ck_assert_int_eq(unlinkat(top, "own/etc", AT_REMOVEDIR), 0);
	ck_assert_int_eq(symlinkat("../a/etc", top, "own/etc"), 0);
	ck_assert_str_eq(where(&s, "/etc/x", "lower"), "a");
	ck_assert_str_eq(where(&s, "/../a/etc/x", "lower"), "-");
	scene_remove();
}
END_TEST

START_TEST(a_stub_leads_to_its_content)
{
	static const struct object_name name = { "AAAAAAAAAAAAAAAAAA" };
	struct object_path path = object_path(&name);
	char object[64];
	struct strata_hit hit;
	struct stat st;

	scene_make();
	automatic(strata) struct strata s = strata_make();
	snprintf(object, sizeof(object), "objects%s", path.text);
	put_file(object, "content");
	autofd int stub = put("b/bin/x", "");
	if (stub_make(stub, FORM_USER, &name, 7) < 0) {
		puts("# skip: no extended attributes of users in /var/tmp");
		scene_remove();
		return;
	}
	ck_assert_int_eq(strata_find(&s, "/bin/x", says, (void *)"content", &hit), 1);
	ck_assert_str_eq(hit.stratum->name, "b");
	ck_assert_str_eq(hit.object.text, name.text);
	ck_assert_int_eq(fstatat(top, object, &st, 0), 0);
	ck_assert(hit.ino == st.st_ino && hit.dev == st.st_dev);
	/* A chmod in the container: the name and mode are its own, and the data is the layer's. */
	autofd int own = put("own/moved", "");
	ck_assert_int_eq(fsetxattr(own, "user.overlay.metacopy", "", 0, 0), 0);
	ck_assert_int_eq(fsetxattr(own, "user.overlay.redirect", "/bin/x", 6, 0), 0);
	ck_assert_str_eq(where(&s, "/moved", "content"), "b");
	scene_remove();
}
END_TEST

static struct strata foreign(const char *options)
{
	static const char host[] = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
				   "2 1 0:9 / /remote rw - nfs server:/ rw\n";
	automatic(mount_list) struct mount_list list = { 0 };
	struct strata s = STRATA_NONE;
	struct err e;

	ck_assert_int_eq(mount_list_parse(host, &list), 0);
	ck_assert_int_eq(strata_of_overlay(options, &list, &s, &e), 0);
	return s;
}

START_TEST(other_engines_name_their_directories)
{
	char options[1024];

	scene_make();
	put_file("overlay/UP/diff/own", "mine");
	put_file("overlay/LAYER1/diff/x", "one");
	put_file("overlay/LAYER2/diff/x", "two");
	mkdirat(top, "overlay/l", 0755);
	ck_assert_int_eq(symlinkat("../LAYER2/diff", top, "overlay/l/SHORT"), 0);
	ck_assert_int_eq(symlinkat("/etc", top, "overlay/l/EVIL"), 0);
	snprintf(options, sizeof(options),
		"rw,lowerdir=l/EVIL:%s/overlay/LAYER1/diff:%s/overlay/l/SHORT:/remote/x,"
		"upperdir=%s/overlay/UP/diff,workdir=%s/w",
		scene, scene, scene, scene);
	automatic(strata) struct strata s = foreign(options);
	ck_assert_uint_eq(s.n, 3);
	ck_assert_str_eq(where(&s, "/own", "mine"), "");
	ck_assert_str_eq(where(&s, "/x", "one"), "LAYER1");
	ck_assert_str_eq(where(&s, "/x", "two"), "LAYER2");
	/* podman's way, and that of kernels that name each by itself. */
	snprintf(options, sizeof(options),
		"rw,lowerdir+=%s/overlay/LAYER1/diff,lowerdir+=l/SHORT,upperdir=%s/overlay/UP/diff",
		scene, scene);
	automatic(strata) struct strata t = foreign(options);
	ck_assert_uint_eq(t.n, 3);
	ck_assert_str_eq(where(&t, "/x", "two"), "LAYER2");
	automatic(strata) struct strata none = foreign("rw");
	ck_assert_uint_eq(none.n, 0);
	scene_remove();
}
END_TEST

START_TEST(odd_options_do_no_harm)
{
	static const char *const odd[] = { "", "lowerdir=", "lowerdir=:::", "lowerdir=\\",
		"upperdir=,lowerdir=", "upperdir=/,lowerdir=x:/", "lowerdir=/../etc:/etc/../etc",
		"x\\,lowerdir=/nowhere", "lowerdir=l/", "upperdir=relative,lowerdir=l/X" };

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		automatic(strata) struct strata s = foreign(odd[i]);
		ck_assert_uint_le(s.n, 2);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("overlay/strata");
	TCase *tcase = tcase_create("strata");

	tcase_add_test(tcase, candidates_come_from_the_top);
	tcase_add_test(tcase, what_stands_in_the_way_is_passed_by);
	tcase_add_test(tcase, a_stub_leads_to_its_content);
	tcase_add_test(tcase, other_engines_name_their_directories);
	tcase_add_test(tcase, odd_options_do_no_harm);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
