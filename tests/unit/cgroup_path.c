/* cgroup/path: which paths name a group. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/path.h"
#include "tests/unit/run.h"

START_TEST(good_paths_are_their_names)
{
	struct cgroup_path p;
	struct err e;

	ck_assert_int_eq(cgroup_path_parse("/a/bc/d", &p, &e), 0);
	ck_assert_uint_eq(p.n, 3);
	ck_assert_str_eq(p.name[0], "a");
	ck_assert_str_eq(p.name[1], "bc");
	ck_assert_str_eq(p.name[2], "d");
	ck_assert_str_eq(p.whole, "a/bc/d");
	ck_assert_int_eq(cgroup_path_length(&p, 0), 0);
	ck_assert_int_eq(cgroup_path_length(&p, 1), 1);
	ck_assert_int_eq(cgroup_path_length(&p, 2), 4);
	ck_assert_int_eq(cgroup_path_length(&p, 3), 6);
	ck_assert_int_eq(cgroup_path_parse("x", &p, &e), 0);
	ck_assert_uint_eq(p.n, 1);
	ck_assert_int_eq(cgroup_path_parse("/..a/b../...", &p, &e), 0);
}
END_TEST

START_TEST(bad_paths_are_refused)
{
	static const char *const paths[] = { "", "/", "//", "//a", "a/", "/a//b", ".", "..",
		"/../x", "a/../../b", "/a/./b", "/a/..", "a\nb", "/a/\x7f", "/a/\tb" };
	struct cgroup_path p;
	struct err e;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		ck_assert_msg(cgroup_path_parse(paths[i], &p, &e) == -EINVAL, "'%s'", paths[i]);
		ck_assert_ptr_null(strchr(e.text, '\n'));
	}
}
END_TEST

START_TEST(names_and_paths_have_a_longest)
{
	char text[CGROUP_PATH_MAX + 10];
	struct cgroup_path p;
	struct err e;

	memset(text, 'n', sizeof(text));
	text[255] = '\0';
	ck_assert_int_eq(cgroup_path_parse(text, &p, &e), 0);
	text[255] = 'n';
	text[256] = '\0';
	ck_assert_int_eq(cgroup_path_parse(text, &p, &e), -ENAMETOOLONG);
	text[256] = 'n';
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(cgroup_path_parse(text, &p, &e), -ENAMETOOLONG);
}
END_TEST

START_TEST(depth_has_an_end)
{
	char text[2 * CGROUP_DEPTH_MAX + 3] = "";
	const size_t most = 2 * CGROUP_DEPTH_MAX;
	struct cgroup_path p;
	struct err e;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 2 ? 'd' : '/';
	text[most] = '\0';
	ck_assert_int_eq(cgroup_path_parse(text, &p, &e), 0);
	ck_assert_uint_eq(p.n, CGROUP_DEPTH_MAX);
	text[most] = '/';
	ck_assert_int_eq(cgroup_path_parse(text, &p, &e), -ENAMETOOLONG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_path");
	TCase *tcase = tcase_create("path");

	tcase_add_test(tcase, good_paths_are_their_names);
	tcase_add_test(tcase, bad_paths_are_refused);
	tcase_add_test(tcase, names_and_paths_have_a_longest);
	tcase_add_test(tcase, depth_has_an_end);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
