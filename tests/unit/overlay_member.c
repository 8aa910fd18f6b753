/* Names of a tar's members: what they mean, and how they are shown. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/attributes.h"
#include "overlay/member.h"
#include "tests/unit/run.h"

static const struct {
	const char *path;
	enum member_meaning meaning;
	const char *parent, *base;
} taken[] = {
	{ "a", MEMBER_PLAIN, "", "a" },
	{ "a/", MEMBER_PLAIN, "", "a" },
	{ "./a", MEMBER_PLAIN, "", "a" },
	{ "/a", MEMBER_PLAIN, "", "a" },
	{ "//a//b/.//c//", MEMBER_PLAIN, "a/b", "c" },
	{ "...", MEMBER_PLAIN, "", "..." },
	{ "..a/b..", MEMBER_PLAIN, "..a", "b.." },
	{ "", MEMBER_ROOT, "", "" },
	{ ".", MEMBER_ROOT, "", "" },
	{ "./", MEMBER_ROOT, "", "" },
	{ "///", MEMBER_ROOT, "", "" },
	{ ".wh.a", MEMBER_WHITEOUT, "", "a" },
	{ "x/y/.wh.a", MEMBER_WHITEOUT, "x/y", "a" },
	{ "x/.wh.a/", MEMBER_WHITEOUT, "x", "a" },
	{ ".wh..a", MEMBER_WHITEOUT, "", ".a" },
	{ ".wh....", MEMBER_WHITEOUT, "", "..." },
	{ "x/.wh..wh..opq", MEMBER_OPAQUE, "x", ".wh..wh..opq" },
	{ ".wh..wh..opq", MEMBER_OPAQUE, "", ".wh..wh..opq" },
	{ ".wh..wh.aufs", MEMBER_IGNORED, NULL, NULL },
	{ ".wh..wh.plnk/1.2", MEMBER_IGNORED, NULL, NULL },
	{ "a/.wh..wh.orph/x/y", MEMBER_IGNORED, NULL, NULL },
	{ "wh.a", MEMBER_PLAIN, "", "wh.a" },
	{ ".wha", MEMBER_PLAIN, "", ".wha" },
};

START_TEST(takes)
{
	struct member m;
	struct err e;

	ck_assert_int_eq(member_parse(taken[_i].path, &m, &e), 0);
	ck_assert_int_eq(m.meaning, taken[_i].meaning);
	if (taken[_i].base) {
		ck_assert_str_eq(m.parent, taken[_i].parent);
		ck_assert_str_eq(m.base, taken[_i].base);
	}
}
END_TEST

static const char *const refused[] = { "..", "../a", "a/..", "a/../b", "/..", "./../a", ".wh.",
	".wh..", ".wh...", "x/.wh.", ".wh.a/b", "x/.wh.a/b/c" };

START_TEST(refuses)
{
	struct member m = { .base = "as before" };
	struct err e;

	ck_assert_int_lt(member_parse(refused[_i], &m, &e), 0);
	ck_assert_msg(strstr(e.text, refused[_i]) != NULL, "%s", e.text);
	ck_assert_str_eq(m.base, "as before");
}
END_TEST

START_TEST(bounds_lengths)
{
	struct member m;
	struct err e;
	char path[2 * PATH_MAX];

	memset(path, 'a', sizeof(path));
	path[NAME_MAX] = '\0';
	ck_assert_int_eq(member_parse(path, &m, &e), 0);
	path[NAME_MAX] = 'a';
	path[NAME_MAX + 1] = '\0';
	ck_assert_int_eq(member_parse(path, &m, &e), -ENAMETOOLONG);
	for (size_t i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 100 == 99 ? '/' : 'a';
	path[4000] = '\0';
	ck_assert_int_eq(member_parse(path, &m, &e), 0);
	path[4000] = 'a';
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(member_parse(path, &m, &e), -ENAMETOOLONG);
}
END_TEST

START_TEST(shows_one_printable_line)
{
	struct member_text text;
	char path[1000];

	ck_assert_str_eq(member_show("usr/bin/x", &text), "usr/bin/x");
	ck_assert_str_eq(member_show("a\nb\033[0m\\\xff", &text), "a\\x0ab\\x1b[0m\\x5c\\xff");
	memset(path, '\n', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	member_show(path, &text);
	ck_assert_uint_lt(strlen(text.text), sizeof(text.text));
	ck_assert_ptr_nonnull(strstr(text.text, "..."));
}
END_TEST

START_TEST(knows_which_xattrs_to_take)
{
	ck_assert(attributes_takes("user.a"));
	ck_assert(attributes_takes("security.capability"));
	ck_assert(attributes_takes("system.posix_acl_access"));
	ck_assert(!attributes_takes("user.overlay.opaque"));
	ck_assert(!attributes_takes("trusted.overlay.redirect"));
	ck_assert(!attributes_takes("trusted.x"));
	ck_assert(!attributes_takes("security.capability2"));
	ck_assert(!attributes_takes("security.selinux"));
	ck_assert(!attributes_takes("system.nfs4_acl"));
	ck_assert(!attributes_takes(""));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("overlay_member");
	TCase *cases = tcase_create("names");
	tcase_add_loop_test(cases, takes, 0, sizeof(taken) / sizeof(taken[0]));
	tcase_add_loop_test(cases, refuses, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(cases, bounds_lengths);
	tcase_add_test(cases, shows_one_printable_line);
	tcase_add_test(cases, knows_which_xattrs_to_take);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
