/* cgroup/hierarchy: where v2 is and what it offers, by samples and on this host. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "cgroup/hierarchy.h"
#include "spec/base/own.h"
#include "tests/unit/run.h"

START_TEST(controllers_are_whole_words)
{
	char text[CONTROLLERS_TEXT];

	ck_assert_uint_eq(controllers_parse(""), 0);
	ck_assert_uint_eq(controllers_parse("hugetlb\n"), CONTROLLER_HUGETLB);
	ck_assert_uint_eq(controllers_parse("perf_event freezer\n"), 0);
	ck_assert_uint_eq(controllers_parse("cpuset"), CONTROLLER_CPUSET);
	ck_assert_uint_eq(controllers_parse("cpusets xcpu memory.x"), 0);
	ck_assert_uint_eq(controllers_parse("cpuset cpu io memory hugetlb pids rdma misc\n"),
		CONTROLLER_CPUSET | CONTROLLER_CPU | CONTROLLER_MEMORY | CONTROLLER_PIDS |
			CONTROLLER_IO | CONTROLLER_HUGETLB | CONTROLLER_RDMA | CONTROLLER_MISC);
	ck_assert_str_eq(controllers_format(0, text), "");
	ck_assert_str_eq(controllers_format(CONTROLLER_PIDS, text), "+pids");
	ck_assert_str_eq(controllers_format(511, text),
		"+memory +cpu +cpuset +pids +io +hugetlb +rdma +misc +dmem");
	ck_assert_int_eq((int)controller_of_file("memory.swap.max"), CONTROLLER_MEMORY);
	ck_assert_int_eq((int)controller_of_file("memory"), CONTROLLER_MEMORY);
	ck_assert_int_eq((int)controller_of_file("mem.max"), 0);
	ck_assert_int_eq((int)controller_of_file("cgroup.max.depth"), 0);
}
END_TEST

static const char proc_cgroups[] = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
				   "cpuset\t3\t1\t1\n"
				   "cpu\t0\t5\t1\n"
				   "memory\t4\t10\t1\n"
				   "hugetlb\t0\t1\t0\n"
				   "pids\tx\n";

START_TEST(a_controller_is_somewhere)
{
	ck_assert_int_eq(controller_place(proc_cgroups, "memory"), CONTROLLER_V1);
	ck_assert_int_eq(controller_place(proc_cgroups, "cpuset"), CONTROLLER_V1);
	ck_assert_int_eq(controller_place(proc_cgroups, "cpu"), CONTROLLER_NOT_GIVEN);
	ck_assert_int_eq(controller_place(proc_cgroups, "hugetlb"), CONTROLLER_DISABLED);
	ck_assert_int_eq(controller_place(proc_cgroups, "pids"), CONTROLLER_ABSENT);
	ck_assert_int_eq(controller_place(proc_cgroups, "io"), CONTROLLER_ABSENT);
	ck_assert_int_eq(controller_place("", "memory"), CONTROLLER_ABSENT);
	ck_assert_int_eq(controller_place("memory", "memory"), CONTROLLER_ABSENT);
}
END_TEST

static void expect_mounts(const char *text, const char *first, const char *second)
{
	const char *at = text;
	autofree char *a = mountinfo_next_cgroup2(&at), *b = mountinfo_next_cgroup2(&at);

	ck_assert_pstr_eq(a, first);
	ck_assert_pstr_eq(b, second);
}

START_TEST(the_mount_is_found_in_mountinfo)
{
	expect_mounts("", NULL, NULL);
	expect_mounts("25 1 0:22 / /proc rw - proc proc rw\n"
		      "36 25 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n",
		"/sys/fs/cgroup", NULL);
	/* Two, and no newline at the end. */
	expect_mounts("36 25 0:30 / /a rw - cgroup2 none rw\n"
		      "37 25 0:30 / /b rw shared:1 master:2 - cgroup2 none rw",
		"/a", "/b");
	/* v1, and a mount that shows only a part of the hierarchy. */
	expect_mounts("36 25 0:30 / /a rw - cgroup none rw,memory\n"
		      "37 25 0:30 /docker/x /b rw - cgroup2 none rw\n"
		      "38 25 0:30 /.. /c rw - cgroup2 none rw\n",
		NULL, NULL);
	expect_mounts("36 25 0:30 / /a\\040b\\134c rw - cgroup2 none rw\n", "/a b\\c", NULL);
	/* Damaged: a line cut short, a type that belongs to the next line. */
	expect_mounts("36 25\n37\n\n - cgroup2 \n", NULL, NULL);
	expect_mounts("36 25 0:30 / /a rw\n37 25 0:31 / /b rw - cgroup2 none rw\n", "/b", NULL);
}
END_TEST

START_TEST(the_root_of_this_host)
{
	autofree char *path = NULL;
	struct statfs fs;
	struct err e;
	autofd int root = -1;

	ck_assert_msg(hierarchy_open(&root, &e) == 0, "%s", e.text);
	ck_assert_int_eq(fstatfs(root, &fs), 0);
	ck_assert_int_eq(fs.f_type, CGROUP2_SUPER_MAGIC);
	ck_assert(fcntl(root, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(hierarchy_path(&path), 0);
	ck_assert_int_eq(statfs(path, &fs), 0);
	ck_assert(!hierarchy_has(root, "nonesuch"));
}
END_TEST

/* Engines take an error that ends so for "the container's program was not found". */
START_TEST(a_refusal_says_why)
{
	static const enum controller all[] = { CONTROLLER_MEMORY, CONTROLLER_CPU, CONTROLLER_CPUSET,
		CONTROLLER_PIDS };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct err e;
		char quoted[32];
		snprintf(quoted, sizeof(quoted), "'%s'", controller_name(all[i]));
		ck_assert_int_eq(hierarchy_refuse(all[i], &e), -ERR_NO_CONTROLLER);
		ck_assert_int_eq(e.code, ERR_NO_CONTROLLER);
		ck_assert_msg(strncmp(e.text, "cannot limit ", 13) == 0, "%s", e.text);
		ck_assert_ptr_nonnull(strstr(e.text, quoted));
		ck_assert_ptr_null(strcasestr(e.text, "no such file"));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_hierarchy");
	TCase *tcase = tcase_create("hierarchy");

	tcase_add_test(tcase, controllers_are_whole_words);
	tcase_add_test(tcase, a_controller_is_somewhere);
	tcase_add_test(tcase, the_mount_is_found_in_mountinfo);
	tcase_add_test(tcase, the_root_of_this_host);
	tcase_add_test(tcase, a_refusal_says_why);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
