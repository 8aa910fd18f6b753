/* The one judge of names: ids and numbers, hostile ones above all. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "spec/id.h"
#include "tests/unit/run.h"

static const char *const good_ids[] = { "a", "web-1", "0", "-x", "_", "+", "a.b", "A_b+C-9",
	"a..b" };

static const char *const bad_ids[] = { "", ".", "..", ".a", "...", "/", "a/b", "../x", "a/..",
	"a//b", "a b", " a", "a\n", "a\tb", "a\x01", "\xc3\xa9", "a:b", "a,b", "a*", "a\\b", "a'b",
	"$x", "~" };

START_TEST(takes_id)
{
	struct err e = { 0 };

	ck_assert_msg(id_check(good_ids[_i], &e) == 0, "'%s': %s", good_ids[_i], e.text);
}
END_TEST

START_TEST(refuses_id)
{
	struct err e = { 0 };

	ck_assert_msg(id_check(bad_ids[_i], &e) == -EINVAL, "'%s' was taken", bad_ids[_i]);
	ck_assert_msg(strncmp(e.text, "container id '", 14) == 0, "%s", e.text);
	ck_assert_msg(!strchr(e.text, '\n'), "%s", e.text);
}
END_TEST

START_TEST(bounds_length)
{
	struct err e = { 0 };
	char id[200];

	memset(id, 'x', sizeof(id));
	id[127] = '\0';
	ck_assert_int_eq(id_check(id, &e), 0);
	id[127] = 'x';
	id[128] = '\0';
	ck_assert_int_eq(id_check(id, &e), -EINVAL);
	ck_assert_str_eq(e.text,
		"container id 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...': longer than 127 bytes");
}
END_TEST

START_TEST(says_what_is_wrong)
{
	struct err e = { 0 };

	id_check("a/b", &e);
	ck_assert_str_eq(
		e.text, "container id 'a/b': only letters, digits and _ + . - are allowed");
	id_check("..", &e);
	ck_assert_str_eq(e.text, "container id '..': begins with a dot");
	id_check("", &e);
	ck_assert_str_eq(e.text, "container id '': empty");
}
END_TEST

START_TEST(reads_numbers)
{
	static const struct {
		const char *text;
		uint32_t value;
	} rows[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "65534", 65534 },
		{ "2147483648", 2147483648 },
		{ "4294967294", 4294967294 },
	};
	uint32_t n = 7;

	ck_assert(id_number(rows[_i].text, &n));
	ck_assert_uint_eq(n, rows[_i].value);
}
END_TEST

static const char *const no_numbers[] = { "", "01", "00", "-1", "+1", " 1", "1 ", "1x", "0x1",
	"1e3", "1.0", "4294967295", "4294967296", "18446744073709551616", "99999999999999999999999",
	"root", "1\n", "\xd9\xa1" };

START_TEST(refuses_numbers)
{
	uint32_t n = 7;

	ck_assert_msg(!id_number(no_numbers[_i], &n), "'%s'", no_numbers[_i]);
	ck_assert_uint_eq(n, 7);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_id");
	TCase *cases = tcase_create("names");

	tcase_add_loop_test(cases, takes_id, 0, (int)(sizeof(good_ids) / sizeof(char *)));
	tcase_add_loop_test(cases, refuses_id, 0, (int)(sizeof(bad_ids) / sizeof(char *)));
	tcase_add_test(cases, bounds_length);
	tcase_add_test(cases, says_what_is_wrong);
	tcase_add_loop_test(cases, reads_numbers, 0, 5);
	tcase_add_loop_test(cases, refuses_numbers, 0, (int)(sizeof(no_numbers) / sizeof(char *)));
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
