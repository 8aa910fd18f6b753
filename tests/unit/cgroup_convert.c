/* cgroup/convert: v1's numbers as v2's, at their borders. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "cgroup/convert.h"
#include "tests/unit/run.h"

START_TEST(shares_become_weights)
{
	static const struct {
		uint64_t shares, weight;
	} cases[] = {
		{ 0, 0 }, /* unset stays unset */
		{ 1, 1 },
		{ 2, 1 },
		{ 3, 2 },
		{ 10, 4 },
		{ 1024, 100 },
		{ 512, 59 },
		{ 2048, 174 },
		{ 262143, 10000 },
		{ 262144, 10000 },
		{ 262145, 10000 },
		{ UINT64_MAX, 10000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(convert_cpu_weight(cases[i].shares) == cases[i].weight,
			"%ju shares: %ju, not %ju", (uintmax_t)cases[i].shares,
			(uintmax_t)convert_cpu_weight(cases[i].shares), (uintmax_t)cases[i].weight);
}
END_TEST

START_TEST(weights_of_block_devices)
{
	static const uint64_t cases[][2] = { { 0, 0 }, { 10, 1 }, { 11, 11 }, { 500, 4950 },
		{ 750, 7475 }, { 1000, 10000 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_uint_eq(convert_io_weight(cases[i][0]), cases[i][1]);
}
END_TEST

START_TEST(more_shares_never_weigh_less)
{
	uint64_t before = 0;

	for (uint64_t shares = 1; shares < 262200; shares++) {
		uint64_t weight = convert_cpu_weight(shares);
		if (weight < before || weight < 1 || weight > 10000)
			ck_abort_msg("%ju shares", (uintmax_t)shares);
		before = weight;
	}
}
END_TEST

#define UNSET                                                                                      \
	{                                                                                          \
		false, 0                                                                           \
	}
#define IS(n)                                                                                      \
	{                                                                                          \
		true, (n)                                                                          \
	}

START_TEST(swap_is_what_exceeds_memory)
{
	static const struct {
		struct opt_i64 limit, swap;
		int result;
		bool set;
		int64_t value;
	} cases[] = {
		{ UNSET, UNSET, 0, false, 0 },
		{ IS(100), UNSET, 0, false, 0 },
		{ IS(100), IS(0), 0, false, 0 },
		{ IS(-1), UNSET, 0, true, -1 },
		{ IS(-1), IS(0), 0, true, -1 },
		{ IS(-1), IS(300), 0, true, 300 },
		{ IS(-1), IS(-1), 0, true, -1 },
		{ UNSET, IS(-1), 0, true, -1 },
		{ IS(100), IS(-1), 0, true, -1 },
		{ IS(100), IS(100), 0, true, 0 },
		{ IS(100), IS(101), 0, true, 1 },
		{ IS(1), IS(INT64_MAX), 0, true, INT64_MAX - 1 },
		{ IS(100), IS(99), -ERANGE, false, 0 },
		{ UNSET, IS(300), -EINVAL, false, 0 },
		{ IS(0), IS(300), -EINVAL, false, 0 },
		{ IS(-2), IS(300), -EINVAL, false, 0 },
		{ IS(INT64_MIN), IS(INT64_MAX), -EINVAL, false, 0 },
		{ IS(100), IS(INT64_MIN), -ERANGE, false, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t value = 77;
		bool set = false;
		int r = convert_swap(cases[i].limit, cases[i].swap, &value, &set);
		ck_assert_msg(r == cases[i].result, "case %zu: %d", i, r);
		if (r < 0)
			ck_assert_int_eq(value, 77);
		ck_assert_msg(set == cases[i].set, "case %zu: set %d", i, set);
		if (set)
			ck_assert_int_eq(value, cases[i].value);
	}
}
END_TEST

START_TEST(bytes_are_numbers_or_max)
{
	char text[CONVERT_TEXT];

	convert_bytes(-1, text);
	ck_assert_str_eq(text, "max");
	convert_bytes(0, text);
	ck_assert_str_eq(text, "0");
	convert_bytes(INT64_MAX, text);
	ck_assert_str_eq(text, "9223372036854775807");
	convert_bytes(INT64_MIN, text);
	ck_assert_str_eq(text, "-9223372036854775808");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_convert");
	TCase *tcase = tcase_create("convert");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, shares_become_weights);
	tcase_add_test(tcase, weights_of_block_devices);
	tcase_add_test(tcase, more_shares_never_weigh_less);
	tcase_add_test(tcase, swap_is_what_exceeds_memory);
	tcase_add_test(tcase, bytes_are_numbers_or_max);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
