/* Walking over files, to look at them and at nothing else. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "overlay/files.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"
#include "tests/unit/run.h"

static char scene[] = "/tmp/cowrun-test.files.XXXXXX";
static int top;

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

static void put(const char *name, const char *text)
{
	autofd int fd = openat(top, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
}

/* What was seen: the first letters of the files, sorted. */
struct seen {
	char letters[64];
	size_t n;
};

static int see(void *data, int file, struct err *e)
{
	struct seen *seen = data;
	char letter = '?';

	(void)e;
	ck_assert_int_eq(fcntl(file, F_GETFL) & O_ACCMODE, O_RDONLY);
	ck_assert_int_eq(pread(file, &letter, 1, 0), 1);
	size_t at = seen->n++;
	for (; at && seen->letters[at - 1] > letter; at--)
		seen->letters[at] = seen->letters[at - 1];
	seen->letters[at] = letter;
	return 0;
}

static const char *walk(bool foreign)
{
	const struct files_options options = { .foreign = foreign };
	static struct seen seen;
	struct err e;

	seen = (struct seen){ 0 };
	ck_assert_int_eq(files_walk(top, &options, see, &seen, &e), 0);
	return seen.letters;
}

START_TEST(regular_files_are_visited_once)
{
	scene_make();
	put("1", "a");
	ck_assert_int_eq(mkdirat(top, "d", 0700), 0);
	ck_assert_int_eq(mkdirat(top, "d/e", 0700), 0);
	put("d/2", "b");
	put("d/e/3", "c");
	ck_assert_int_eq(linkat(top, "1", top, "d/e/again", 0), 0);
	ck_assert_int_eq(symlinkat("1", top, "link"), 0);
	ck_assert_int_eq(symlinkat("/", top, "all"), 0);
	ck_assert_int_eq(mkfifoat(top, "fifo", 0600), 0);
	mknodat(top, "zero", S_IFCHR | 0600, 0x105);
	ck_assert_str_eq(walk(false), "abc");
	ck_assert_str_eq(walk(true), "abc");
	scene_remove();
}
END_TEST

START_TEST(there_may_be_too_many)
{
	const struct files_options options = { .max = 3 };
	struct seen seen = { 0 };
	struct err e;

	scene_make();
	put("1", "a");
	put("2", "a");
	ck_assert_int_eq(mkdirat(top, "3", 0700), 0);
	ck_assert_int_eq(files_walk(top, &options, see, &seen, &e), 0);
	put("3/4", "a");
	ck_assert_int_eq(files_walk(top, &options, see, &seen, &e), -E2BIG);
	scene_remove();
}
END_TEST

START_TEST(the_time_of_reading_stays)
{
	const struct timespec old[2] = { { 1000, 0 }, { 2000, 0 } };
	struct stat st;

	scene_make();
	put("1", "a");
	ck_assert_int_eq(utimensat(top, "1", old, 0), 0);
	walk(true);
	walk(false);
	ck_assert_int_eq(fstatat(top, "1", &st, 0), 0);
	ck_assert_int_eq(st.st_atim.tv_sec, 1000);
	scene_remove();
}
END_TEST

/* Somebody turns a directory into a link to elsewhere, and leaves what is no file under its name. */
static int move_away(void *data, int file, struct err *e)
{
	unsigned *n = data;

	(void)file;
	(void)e;
	++*n;
	renameat(top, "d", top, "gone");
	return symlinkat("/etc", top, "d") < 0 && errno != EEXIST ? -errno : 0;
}

START_TEST(what_changes_meanwhile_leads_nowhere)
{
	const struct files_options options = { .foreign = true };
	unsigned n = 0;
	struct err e;

	scene_make();
	put("1", "a");
	ck_assert_int_eq(mkdirat(top, "d", 0700), 0);
	put("d/2", "b");
	ck_assert_int_eq(files_walk(top, &options, move_away, &n, &e), 0);
	/* "gone" is seen or not, as the directory was read by then; /etc never. */
	ck_assert_uint_le(n, 2);
	ck_assert_int_eq(files_open(top, "d"), -EINVAL);
	ck_assert_int_eq(files_open(top, "d/passwd"), -ELOOP);
	scene_remove();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("overlay/files");
	TCase *tcase = tcase_create("files");

	tcase_add_test(tcase, regular_files_are_visited_once);
	tcase_add_test(tcase, there_may_be_too_many);
	tcase_add_test(tcase, the_time_of_reading_stays);
	tcase_add_test(tcase, what_changes_meanwhile_leads_nowhere);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
