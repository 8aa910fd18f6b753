/* A group of resctrl, made, joined and removed in a directory that stands for the file system. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/rdt.h"
#include "spec/base/fd.h"
#include "tests/unit/run.h"

static char path[64];
static int root = -1;
static struct rdt rdt = RDT_NONE;
static struct err e;

static void put(const char *name, const char *text)
{
	int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void holds(const char *name, const char *text)
{
	autofree char *is = NULL;
	size_t len;

	ck_assert_msg(fd_read_file(root, name, 4096, &is, &len, &e) == 0, "%s", e.text);
	ck_assert_str_eq(is, text);
}

static bool there(const char *name)
{
	return faccessat(root, name, F_OK, 0) == 0;
}

/* "there": a group as the kernel would have it, with what a write of a line would go over. */
static void begin(void)
{
	snprintf(path, sizeof(path), "/dev/shm/cowrun-rdt.%d", (int)getpid());
	ck_assert_int_eq(mkdir(path, 0700), 0);
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(mkdirat(root, "there", 0700), 0);
	ck_assert_int_eq(mkdirat(root, "there/mon_groups", 0700), 0);
	put("there/schemata", "    MB:0= 20;1=100\n    L3:0=00f;1=7f0\n");
	put("there/tasks", "");
	put("journal", "");
}

static void end(void)
{
	int memory = open("/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC);

	rdt_done(&rdt);
	ck_assert_msg(fd_remove_tree(memory, strrchr(path, '/') + 1, &e) == 0, "%s", e.text);
	close(memory);
	close(root);
}

static int make(const struct rdt_spec *spec)
{
	autofd int journal = openat(root, "journal", O_WRONLY | O_APPEND | O_CLOEXEC);

	rdt_done(&rdt);
	return rdt_make_in(dup(root), spec, "c", journal, &rdt, &e);
}

START_TEST(own_group)
{
	ck_assert_msg(make(&(struct rdt_spec){ 0 }) == 0, "%s", e.text);
	ck_assert_str_eq(rdt.made, "c");
	holds("journal", "resctrl c\n");
	put("c/tasks", "");
	ck_assert_msg(rdt_join(&rdt, 42, &e) == 0, "%s", e.text);
	holds("c/tasks", "42");
	unlinkat(root, "c/tasks", 0);
	ck_assert_msg(rdt_remove_in(root, rdt.made, &e) == 0, "%s", e.text);
	ck_assert(!there("c"));
	ck_assert_int_eq(rdt_remove_in(root, rdt.made, &e), 0);
}
END_TEST

START_TEST(named_group)
{
	char *lines[] = { (char *)"L3:0=3" };
	struct rdt_spec spec = { .clos = (char *)"there" };

	ck_assert_msg(make(&spec) == 0, "%s", e.text);
	ck_assert_ptr_null(rdt.made);
	ck_assert_int_eq(rdt_join(&rdt, 42, &e), 0);
	holds("there/tasks", "42");
	holds("journal", "");
	spec.l3 = (char *)"L3:0=1f";
	ck_assert_int_eq(make(&spec), -EEXIST);
	ck_assert_str_eq(e.text,
		"linux.intelRdt.l3CacheSchema: group 'there' is there and differs from 'L3:0=1f'");
	spec.l3 = NULL;
	spec.schemata = lines;
	spec.n_schemata = 1;
	put("there/schemata", "");
	ck_assert_msg(make(&spec) == 0, "%s", e.text);
	holds("there/schemata", "L3:0=3\n");
}
END_TEST

START_TEST(named_group_that_is_not_there)
{
	struct rdt_spec spec = { .clos = (char *)"new" };

	ck_assert_int_eq(make(&spec), -ENOENT);
	ck_assert_str_eq(e.text,
		"linux.intelRdt.closID: there is no group 'new', and no schemata to make it with");
	/* No file here takes the line: as when the kernel refuses it. */
	spec.l3 = (char *)"L3:0=f";
	ck_assert_int_eq(make(&spec), -ENOENT);
	ck_assert_msg(strstr(e.text, "write the schemata of group 'new'"), "%s", e.text);
	ck_assert(!there("new"));
}
END_TEST

START_TEST(counting_group)
{
	struct rdt_spec spec = { .clos = (char *)"there", .monitoring = true };

	ck_assert_msg(make(&spec) == 0, "%s", e.text);
	ck_assert_str_eq(rdt.made, "there/mon_groups/c");
	holds("journal", "resctrl there/mon_groups/c\n");
	put("there/mon_groups/c/tasks", "");
	ck_assert_int_eq(rdt_join(&rdt, 42, &e), 0);
	holds("there/tasks", "42");
	holds("there/mon_groups/c/tasks", "42");
	/* Another container of that id has it. */
	ck_assert_int_eq(make(&spec), -EEXIST);
	ck_assert_ptr_null(rdt.made);
}
END_TEST

START_TEST(reason_of_the_kernel)
{
	mkdirat(root, "info", 0700);
	put("info/last_cmd_status", "mask f has non-consecutive 1-bits\n");
	ck_assert_int_lt(make(&(struct rdt_spec){ .l3 = (char *)"L3:0=5" }), 0);
	ck_assert_msg(
		strstr(e.text, "(the kernel: mask f has non-consecutive 1-bits)"), "%s", e.text);
}
END_TEST

START_TEST(schemata)
{
	static const char text[] = "    MB:0= 20;1=100\n    L3:0=00f;1=7f0\nL3CODE:0=1\n";

	ck_assert(rdt_has_schema(text, "L3:0=f;1=7f0"));
	ck_assert(rdt_has_schema(text, "L3:1=7F0;0=f"));
	ck_assert(rdt_has_schema(text, "L3:1=7f0"));
	ck_assert(rdt_has_schema(text, "MB:1=100;"));
	ck_assert(rdt_has_schema(text, "MB:0=20"));
	ck_assert(rdt_has_schema(text, "L3CODE:0=1"));
	ck_assert(!rdt_has_schema(text, "L3:0=1f"));
	ck_assert(!rdt_has_schema(text, "L3:2=f"));
	ck_assert(!rdt_has_schema(text, "L3:10=f"));
	ck_assert(!rdt_has_schema(text, "L2:0=f"));
	ck_assert(!rdt_has_schema(text, "MB:0=2"));
	ck_assert(!rdt_has_schema(text, "L3"));
	ck_assert(!rdt_has_schema("", "L3:0=f"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runtime/rdt");
	TCase *t = tcase_create("rdt");

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, own_group);
	tcase_add_test(t, named_group);
	tcase_add_test(t, named_group_that_is_not_there);
	tcase_add_test(t, counting_group);
	tcase_add_test(t, reason_of_the_kernel);
	tcase_add_test(t, schemata);
	suite_add_tcase(suite, t);
	return unit_run(suite);
}
