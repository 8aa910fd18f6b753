/* USER[:GROUP] against account files that an image may have made up. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/str.h"
#include "spec/user.h"
#include "tests/unit/run.h"

static const char passwd[] =
	"# a comment\n"
	"root:x:0:0:root:/root:/bin/sh\n"
	"daemon:x:1:2::/usr/sbin:\n"
	"\n"
	"short\n"
	"4294967296:x:0:0::/root:/bin/sh\n" /* CVE-2024-40635: a number as a name */
	"1x:x:0:0::/root:/bin/sh\n"
	"-1:x:0:0::/root:/bin/sh\n"
	"broken:x:zero:0::/:\n"
	"broken:x:77:77::/:\n"
	"big:x:4294967295:0::/:\n"
	"web:x:1000:100:Web,,,:/srv/web:/bin/sh\n"
	"web:x:0:0::/root:/bin/sh\n" /* the first one counts */
	"nohome:x:1001:1001\n"
	"relative:x:1002:1002::srv:\n"
	"dollar$:x:1003:1003::/d:\n"
	"last:x:1004:1004::/last"; /* no newline at its end */

static const char group[] = "root:x:0:\n"
			    "daemon:x:2:web\n"
			    "users:x:100:\n"
			    "audio:x:29:root,web,daemon\n"
			    "video:x:44:webx,xweb,web\n"
			    "broken:x:a:web\n"
			    "users:x:555:\n"
			    "again:x:100:web\n"
			    "0:x:0:web\n"
			    "last:x:60:web";

static const struct accounts accounts = { passwd, group, sizeof(passwd) - 1, sizeof(group) - 1 };

static const struct {
	const char *text;
	uint32_t uid, gid;
	const char *gids, *home;
} good[] = {
	{ NULL, 0, 0, "0,29", "/root" },
	{ "", 0, 0, "0,29", "/root" },
	{ "root", 0, 0, "0,29", "/root" },
	{ "0", 0, 0, "0,29", "/root" },
	{ "daemon", 1, 2, "2,29", "/usr/sbin" },
	{ "1", 1, 2, "2,29", "/usr/sbin" },
	/* "again" has the number of the primary group: once is enough; "0" is a group with a
	   strange name, and web is in it. */
	{ "web", 1000, 100, "100,2,29,44,0,60", "/srv/web" },
	{ "1000", 1000, 100, "100,2,29,44,0,60", "/srv/web" },
	{ "web:users", 1000, 100, "100", "/srv/web" },
	{ "web:44", 1000, 44, "44", "/srv/web" },
	{ "1000:audio", 1000, 29, "29", "/srv/web" },
	{ "web:0", 1000, 0, "0", "/srv/web" },
	{ "4242", 4242, 0, "0", NULL },
	{ "4242:4243", 4242, 4243, "4243", NULL },
	{ "4294967294:4294967294", 4294967294, 4294967294, "4294967294", NULL },
	{ "2147483648", 2147483648, 0, "0", NULL },
	{ "77", 77, 77, "77", "/" },
	{ "nohome", 1001, 1001, "1001", NULL },
	{ "relative", 1002, 1002, "1002", NULL },
	{ "dollar$", 1003, 1003, "1003", "/d" },
	{ "last:last", 1004, 60, "60", "/last" },
};

START_TEST(resolves)
{
	automatic(user) struct user user = { 0 };
	automatic(str) struct str gids = { 0 };
	struct err e = { 0 };

	ck_assert_msg(user_resolve(good[_i].text, &accounts, &user, &e) == 0, "%s", e.text);
	for (size_t i = 0; i < user.n_gids; i++)
		str_addf(&gids, "%s%u", i ? "," : "", user.gids[i]);
	ck_assert_uint_eq(user.uid, good[_i].uid);
	ck_assert_uint_eq(user.gid, good[_i].gid);
	ck_assert_str_eq(gids.data, good[_i].gids);
	ck_assert_pstr_eq(user.home, good[_i].home);
}
END_TEST

static const char *const bad[] = { "01", "00", "1:", ":1", ":", "-1", "+1", " 1", "1 ", "1x", "0x0",
	"4294967295", "4294967296", "18446744073709551616", "99999999999999999999", "1:4294967295",
	"1:01", "1:1x", "1:-1", "0:0:0", "web:", ":users", "nobody", "web:nogroup", "web:broken",
	"broken", "big", "Root", "r*", "root\n", "web users", "ro:ot:", "#", "\xc3\xa9" };

START_TEST(refuses)
{
	automatic(user) struct user user = { .uid = 7 };
	struct err e = { 0 };

	ck_assert_msg(
		user_resolve(bad[_i], &accounts, &user, &e) < 0, "'%s': uid %u", bad[_i], user.uid);
	ck_assert_msg(strncmp(e.text, "user '", 6) == 0, "%s", e.text);
	ck_assert_uint_eq(user.uid, 7);
}
END_TEST

START_TEST(says_what_is_wrong)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "4294967296", "user '4294967296': '4294967296' is not a number from 0 to "
				"4294967294" },
		{ "1:1x", "user '1:1x': '1x' is not a number from 0 to 4294967294" },
		{ "nobody", "user 'nobody': no valid entry 'nobody' in the image's /etc/passwd" },
		{ "web:nogroup",
			"user 'web:nogroup': no valid entry 'nogroup' in the image's /etc/group" },
		{ ":1", "user ':1': '' is not a user's name" },
		{ "web:", "user 'web:': '' is not a group's name" },
	};
	struct user user = { 0 };
	struct err e = { 0 };

	user_resolve(rows[_i].text, &accounts, &user, &e);
	ck_assert_str_eq(e.text, rows[_i].error);
}
END_TEST

/* An image without account files, as "FROM scratch" makes them. */
START_TEST(needs_no_files)
{
	const struct accounts none = { 0 };
	automatic(user) struct user root = { 0 }, other = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(user_resolve(NULL, &none, &root, &e), 0);
	ck_assert_uint_eq(root.uid, 0);
	ck_assert_uint_eq(root.n_gids, 1);
	ck_assert_int_eq(user_resolve("5:6", &none, &other, &e), 0);
	ck_assert_uint_eq(other.gid, 6);
	ck_assert_int_eq(user_resolve("root", &none, &root, &e), -ENOENT);
}
END_TEST

START_TEST(bounds_groups)
{
	automatic(str) struct str many = { 0 };
	automatic(user) struct user user = { 0 };
	struct err e = { 0 };

	for (unsigned i = 1; i < USER_GROUPS_MAX; i++)
		str_addf(&many, "g%u:x:%u:root\n", i, i);
	struct accounts a = { passwd, many.data, sizeof(passwd) - 1, many.len };
	ck_assert_int_eq(user_resolve("root", &a, &user, &e), 0);
	ck_assert_uint_eq(user.n_gids, USER_GROUPS_MAX);
	user_done(&user);
	str_addf(&many, "one:x:99999:root\n");
	a.group = many.data;
	a.group_len = many.len;
	ck_assert_int_eq(user_resolve("root", &a, &user, &e), -EINVAL);
	ck_assert_str_eq(e.text, "user 'root': in more than 1024 groups");
}
END_TEST

START_TEST(passes_over_nul_bytes)
{
	static const char file[] = "root\0:x:5:5::/:\nroot:x:6:6::/r:\n";
	const struct accounts a = { file, NULL, sizeof(file) - 1, 0 };
	automatic(user) struct user user = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(user_resolve("root", &a, &user, &e), 0);
	ck_assert_uint_eq(user.uid, 6);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_user");
	TCase *cases = tcase_create("accounts");

	tcase_add_loop_test(cases, resolves, 0, (int)(sizeof(good) / sizeof(good[0])));
	tcase_add_loop_test(cases, refuses, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_loop_test(cases, says_what_is_wrong, 0, 6);
	tcase_add_test(cases, needs_no_files);
	tcase_add_test(cases, bounds_groups);
	tcase_add_test(cases, passes_over_nul_bytes);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
