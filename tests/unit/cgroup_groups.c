/* cgroup/groups: every group once, those above first. (Any tree of directories is one to it.) */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup/groups.h"
#include "spec/base/fd.h"
#include "spec/base/own.h"
#include "spec/base/str.h"
#include "tests/unit/run.h"

struct seen {
	struct str paths;
	const char *shut; /* is not gone into */
	const char *removed;
	int root, failure;
};

static int see(void *context, const char *path, int fd, struct err *e)
{
	struct seen *s = context;
	struct stat here, there;

	ck_assert_int_eq(fstat(fd, &here), 0);
	ck_assert_int_eq(fstatat(s->root, path + 1, &there, 0), 0);
	ck_assert_uint_eq(here.st_ino, there.st_ino);
	str_addf(&s->paths, "%s ", path);
	if (s->removed)
		unlinkat(s->root, s->removed, AT_REMOVEDIR);
	if (s->failure)
		return err_set(e, s->failure, "see");
	return s->shut && str_equal(path, s->shut);
}

static char scratch[] = "/dev/shm/cowrun-unit-groups.XXXXXX";

static void set_up(void)
{
	static const char *const groups[] = { "b", "a", "a/y", "a/x", "a/x/deep", "c" };
	char path[128];

	ck_assert_ptr_nonnull(mkdtemp(scratch));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", scratch, groups[i]);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	/* Files, and what leads elsewhere, are no groups. */
	snprintf(path, sizeof(path), "%s/link", scratch);
	ck_assert_int_eq(symlink("/", path), 0);
	snprintf(path, sizeof(path), "%s/cgroup.procs", scratch);
	close(creat(path, 0600));
}

/* For a while: what cleans up walks with more. */
static void limit_files(rlim_t n)
{
	struct rlimit files;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = n ? n : files.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static void tear_down(void)
{
	limit_files(0);
	int shm = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e;

	ck_assert_int_eq(fd_remove_tree(shm, strrchr(scratch, '/') + 1, &e), 0);
	close(shm);
}

static void sees(struct seen s, int expected, const char *paths)
{
	struct err e = { 0 };

	s.root = open(scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(groups_walk(s.root, see, &s, &e), expected);
	ck_assert_str_eq(s.paths.data, paths);
	str_done(&s.paths);
	close(s.root);
}

START_TEST(above_first_and_by_name)
{
	sees((struct seen){ 0 }, 0, "/a /a/x /a/x/deep /a/y /b /c ");
	sees((struct seen){ .shut = "/a" }, 0, "/a /b /c ");
	sees((struct seen){ .shut = "/a/x" }, 0, "/a /a/x /a/y /b /c ");
	sees((struct seen){ .failure = EIO }, -EIO, "/a ");
	sees((struct seen){ .removed = "c" }, 0, "/a /a/x /a/x/deep /a/y /b ");
}
END_TEST

struct depth {
	size_t n, length;
};

static int go_down(void *context, const char *path, int fd, struct err *e)
{
	struct depth *d = context;

	(void)e;
	ck_assert_int_ge(fd, 0);
	d->n++;
	d->length = strlen(path);
	return 0;
}

/* Deeper than we may open files, and than a path may be long. */
START_TEST(nests_without_end)
{
	static const char name[] = "one-of-so-many-that-they-make-a-long-path";
	struct depth seen = { 0 };
	struct err e = { 0 };
	autofd int root = open(scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = dup(root);

	for (int depth = 0; depth < 300; depth++) {
		ck_assert_int_eq(mkdirat(fd, name, 0700), 0);
		int next = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	close(fd);
	limit_files(24);
	ck_assert_int_eq(groups_walk(root, go_down, &seen, &e), 0);
	ck_assert_uint_eq(seen.n, 300 + 6);
	fd = openat(root, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct depth below = { 0 };
	ck_assert_int_eq(groups_walk(fd, go_down, &below, &e), 0);
	ck_assert_uint_eq(below.n, 299);
	ck_assert_uint_eq(below.length, 299 * sizeof(name));
	close(fd);
}
END_TEST

static int tell(void *context, const char *path, int fd, struct err *e)
{
	(void)e;
	str_addf(context, fd < 0 ? "%s:%d " : "%s ", path, -fd);
	return 0;
}

/* A group that cannot be looked into is told of, and the others are seen. */
START_TEST(one_is_not_all)
{
	automatic(str) struct str told = { 0 };
	automatic(str) struct str expected = { 0 };
	autofd int root = open(scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct err e = { 0 };

	limit_files((rlim_t)root + 3);
	ck_assert_int_eq(groups_walk(root, tell, &told, &e), 0);
	str_addf(&expected, "/a /a:%d /b /b:%d /c /c:%d ", EMFILE, EMFILE, EMFILE);
	ck_assert_str_eq(told.data, expected.data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_groups");
	TCase *tests = tcase_create("groups");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, above_first_and_by_name);
	tcase_add_test(tests, nests_without_end);
	tcase_add_test(tests, one_is_not_all);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
