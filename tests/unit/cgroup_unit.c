/* cgroup/unit: which unit a cgroupsPath names, and where its group is. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/unit.h"
#include "tests/unit/run.h"

static const struct {
	const char *path;
	bool of_user;
	const char *slice, *name, *group;
} units[] = {
	{ NULL, false, "system.slice", "cowrun-web.scope", "/system.slice/cowrun-web.scope" },
	{ "", false, "system.slice", "cowrun-web.scope", "/system.slice/cowrun-web.scope" },
	{ NULL, true, "user.slice", "cowrun-web.scope", "/user.slice/cowrun-web.scope" },
	{ ":docker:1f", false, "system.slice", "docker-1f.scope", "/system.slice/docker-1f.scope" },
	{ ":libpod:1f", true, "user.slice", "libpod-1f.scope", "/user.slice/libpod-1f.scope" },
	{ "machine.slice:libpod:1f", false, "machine.slice", "libpod-1f.scope",
		"/machine.slice/libpod-1f.scope" },
	{ "a-b-c.slice:cri:x.y", false, "a-b-c.slice", "cri-x.y.scope",
		"/a.slice/a-b.slice/a-b-c.slice/cri-x.y.scope" },
	{ "a.b-c.slice:p:n", false, "a.b-c.slice", "p-n.scope",
		"/a.b.slice/a.b-c.slice/p-n.scope" },
	{ "-:p:n", false, "-.slice", "p-n.scope", "/p-n.scope" },
	{ "-.slice:p:n", false, "-.slice", "p-n.scope", "/p-n.scope" },
	{ "a.slice::n", false, "a.slice", "-n.scope", "/a.slice/-n.scope" },
};

START_TEST(a_path_is_a_scope_in_a_slice)
{
	struct unit u;
	struct err e;

	ck_assert_msg(
		unit_parse(units[_i].path, "web", units[_i].of_user, &u, &e) == 0, "%s", e.text);
	char *group = unit_path(&u);
	ck_assert_str_eq(u.slice, units[_i].slice);
	ck_assert_str_eq(u.name, units[_i].name);
	ck_assert_int_eq(u.of_user, units[_i].of_user);
	ck_assert_str_eq(group, units[_i].group);
	free(group);
}
END_TEST

static const struct {
	const char *path, *said;
} wrong[] = {
	{ "/a/b", "'/a/b' is not of the form slice:prefix:name" },
	{ "a.slice:b", "is not of the form" },
	{ "a.slice:b:c:d", "is not of the form" },
	{ "a.slice:b:", "is not of the form" },
	{ "a:b:c", "'a' is no slice" },
	{ ".slice:b:c", "'.slice' is no slice" },
	{ "a--b.slice:b:c", "empty part between its dashes" },
	{ "-a.slice:b:c", "empty part between its dashes" },
	{ "a-.slice:b:c", "empty part between its dashes" },
	{ "a/b.slice:b:c", "has a character that systemd takes in no name: '/'" },
	{ "a.slice:b:c+d", "has a character that systemd takes in no name: '+'" },
	{ "a.slice:b@:c", "'@'" },
	{ "a.slice:b:c.slice", "'c.slice' is a slice: a container lives in a scope" },
};

START_TEST(what_is_no_unit_is_refused)
{
	struct unit u = { .name = "before" };
	struct err e;

	ck_assert_int_eq(unit_parse(wrong[_i].path, "web", false, &u, &e), -EINVAL);
	ck_assert_msg(strstr(e.text, wrong[_i].said) != NULL, "'%s' is not in '%s'", wrong[_i].said,
		e.text);
	ck_assert_str_eq(u.name, "before");
}
END_TEST

START_TEST(an_id_is_told_from_a_path)
{
	struct unit u;
	struct err e;

	ck_assert_int_eq(unit_parse(NULL, "a+b", false, &u, &e), -EINVAL);
	ck_assert_str_eq(e.text,
		"the container's id: the scope 'cowrun-a+b.scope' has a character that systemd takes in no name: '+'");
}
END_TEST

START_TEST(names_have_a_longest)
{
	char path[700];
	struct unit u;
	struct err e;

	/* 255 bytes, as systemd has it */
	snprintf(path, sizeof(path), "a.slice:b:%0*d", 255 - 2 - 6, 0);
	ck_assert_int_eq(unit_parse(path, "web", false, &u, &e), 0);
	ck_assert_uint_eq(strlen(u.name), 255);
	snprintf(path, sizeof(path), "a.slice:b:%0*d", 256 - 2 - 6, 0);
	ck_assert_int_eq(unit_parse(path, "web", false, &u, &e), -ENAMETOOLONG);
	snprintf(path, sizeof(path), "%0*d.slice:b:c", 300, 0);
	ck_assert_int_eq(unit_parse(path, "web", false, &u, &e), -ENAMETOOLONG);
}
END_TEST

static const struct {
	const char *own, *manager;
} managers[] = {
	{ "/user.slice/user-7.slice/user@7.service", "/user.slice/user-7.slice/user@7.service" },
	{ "/user.slice/user-7.slice/user@7.service/app.slice/a.scope/b",
		"/user.slice/user-7.slice/user@7.service" },
	{ "/user.slice/user-7.slice/session-3.scope", "/user.slice/user-7.slice/user@7.service" },
	{ "/below/user.slice/user-70.slice", "/below/user.slice/user-70.slice/user@70.service" },
	{ "/user-7", NULL },
	{ "/user-7.slic/x", NULL },
	{ "/system.slice/cron.service", NULL },
	{ "", NULL },
};

START_TEST(a_users_manager_is_found_by_his_own_group)
{
	char *path = unit_of_manager(managers[_i].own);

	ck_assert_pstr_eq(path, managers[_i].manager);
	free(path);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unit");
	TCase *tests = tcase_create("unit");

	tcase_add_loop_test(
		tests, a_path_is_a_scope_in_a_slice, 0, sizeof(units) / sizeof(units[0]));
	tcase_add_loop_test(tests, what_is_no_unit_is_refused, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(tests, an_id_is_told_from_a_path);
	tcase_add_test(tests, names_have_a_longest);
	tcase_add_loop_test(tests, a_users_manager_is_found_by_his_own_group, 0,
		sizeof(managers) / sizeof(managers[0]));
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
