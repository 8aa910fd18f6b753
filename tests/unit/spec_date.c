/* Times as RFC 3339 has them, held against the C library's calendar. */
#include <check.h>
#include <stdio.h>

#include "spec/base/date.h"
#include "tests/unit/run.h"

static void holds_at(long long seconds)
{
	struct timespec at = { .tv_sec = seconds, .tv_nsec = 42 };
	char text[DATE_TEXT_MAX], expected[DATE_TEXT_MAX];
	time_t time = seconds;
	struct tm utc;

	gmtime_r(&time, &utc);
	strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &utc);
	ck_assert_str_eq(date_text(&at, false, text), expected);
	strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000000042Z", &utc);
	ck_assert_str_eq(date_text(&at, true, text), expected);
}

/* A century each, to 2470. */
START_TEST(every_day_and_its_last_second)
{
	for (long long day = _i * 36525LL; day < (_i + 1) * 36525LL; day++)
		holds_at(day * 86400 + (day % 2 ? 86399 : 0));
}
END_TEST

START_TEST(the_last_second_of_four_digits)
{
	holds_at(253402300799);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_date");
	TCase *cases = tcase_create("dates");

	tcase_add_loop_test(cases, every_day_and_its_last_second, 0, 5);
	tcase_add_test(cases, the_last_second_of_four_digits);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
