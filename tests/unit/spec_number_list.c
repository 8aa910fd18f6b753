/* Lists of CPUs and memory nodes. */
#include <check.h>
#include <string.h>

#include "spec/number_list.h"
#include "tests/unit/run.h"

static const struct {
	const char *text;
	uint64_t first_word;
	unsigned count, end;
} lists[] = {
	{ "0", 1, 1, 1 },
	{ "0-3,7", 0x8f, 5, 8 },
	{ "7,0-3", 0x8f, 5, 8 },
	{ "1,1,0-1", 3, 2, 2 },
	{ "63", 1ull << 63, 1, 64 },
	{ "64-65", 0, 2, 66 },
	{ "8191", 0, 1, 8192 },
	{ "0-8191", ~0ull, 8192, 8192 },
};

START_TEST(reads_lists)
{
	struct number_list list;

	ck_assert(number_list_read(lists[_i].text, &list));
	ck_assert_uint_eq(list.bits[0], lists[_i].first_word);
	ck_assert_uint_eq(list.count, lists[_i].count);
	ck_assert_uint_eq(list.end, lists[_i].end);
}
END_TEST

static const char *const others[] = { "", ",", "1,", ",1", "1,,2", "-", "1-", "-1", "3-1", "1-2-3",
	" 1", "1 ", "0x1", "a", "8192", "0-8192", "9876543210", "99999999999999999999999", "1;2" };

START_TEST(refuses_anything_else)
{
	struct number_list list;

	ck_assert_msg(!number_list_read(others[_i], &list), "'%s' was taken", others[_i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_number_list");
	TCase *cases = tcase_create("lists");

	tcase_add_loop_test(cases, reads_lists, 0, sizeof(lists) / sizeof(lists[0]));
	tcase_add_loop_test(cases, refuses_anything_else, 0, sizeof(others) / sizeof(others[0]));
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
