/* runtime/subids: which ids a user has by the files, and what they are called in his namespace. */
#include <check.h>
#include <stdlib.h>

#include "runtime/subids.h"
#include "tests/unit/run.h"

static const char text[] = "# a comment\n"
			   "alice:100000:65536\n"
			   "bob:1000000:65536\n"
			   "broken:1\n"
			   "alice:100010:5\n" /* within the first */
			   "alice:99999999999:1\n"
			   "alice:-5:1\n"
			   "1000:300000:10\n"
			   "alice:1000:1\n"; /* himself */

START_TEST(lines_by_name_and_number_follow_each_other)
{
	static const struct id_map expected[] = { { 0, 1000, 1 }, { 1, 100000, 65536 },
		{ 65537, 300000, 10 } };
	automatic(subids) struct subids s = { 0 };
	autofree char *words = NULL;

	ck_assert_int_eq(subids_read(text, "alice", 1000, 1000, &s), 0);
	ck_assert_uint_eq(s.n, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(s.v[i].inside, expected[i].inside);
		ck_assert_uint_eq(s.v[i].outside, expected[i].outside);
		ck_assert_uint_eq(s.v[i].size, expected[i].size);
	}
	words = subids_text(&s);
	ck_assert_str_eq(words, "1000, 100000 to 165535 and 300000 to 300009");
}
END_TEST

START_TEST(nobody_has_himself_alone)
{
	automatic(subids) struct subids s = { 0 };
	autofree char *words = NULL;

	ck_assert_int_eq(subids_read(text, NULL, 7, 8, &s), 0);
	ck_assert_uint_eq(s.n, 1);
	words = subids_text(&s);
	ck_assert_str_eq(words, "8");
}
END_TEST

START_TEST(ids_of_the_host_become_those_inside)
{
	struct id_map rows[] = { { 0, 100005, 10 }, { 10, 1000, 1 }, { 11, 165535, 1 },
		{ 12, 165535, 2 } };
	automatic(subids) struct subids s = { 0 };
	size_t bad = 99;

	ck_assert_int_eq(subids_read(text, "alice", 1000, 1000, &s), 0);
	ck_assert(subids_translate(&s, rows, 3, &bad));
	ck_assert_uint_eq(rows[0].outside, 6);
	ck_assert_uint_eq(rows[1].outside, 0);
	ck_assert_uint_eq(rows[2].outside, 65536);
	ck_assert(!subids_translate(&s, rows + 3, 1, &bad)); /* half of it is somebody else's */
	ck_assert_uint_eq(bad, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runtime_subids");
	TCase *cases = tcase_create("all");

	tcase_add_test(cases, lines_by_name_and_number_follow_each_other);
	tcase_add_test(cases, nobody_has_himself_alone);
	tcase_add_test(cases, ids_of_the_host_become_those_inside);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
