/* Times as people read them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cow/stamp.h"
#include "cmd/times.h"
#include "tests/unit/run.h"

START_TEST(in_the_largest_unit_that_fits)
{
	static const struct {
		long long ago;
		const char *text;
	} rows[] = {
		/* Not at the edges below a minute: a second may pass meanwhile. */
		{ 90, "1 minute" },
		{ 150, "2 minutes" },
		{ 3600 + 60, "1 hour" },
		{ 5 * 3600 + 60, "5 hours" },
		{ 86400 + 60, "1 day" },
		{ 400LL * 86400 + 60, "400 days" },
	};
	struct timespec now;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct timespec then = { .tv_sec = now.tv_sec - rows[i].ago };
		ck_assert_str_eq(time_since(&then, text), rows[i].text);
	}
}
END_TEST

START_TEST(the_future_is_now)
{
	struct timespec now;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += 1000;
	ck_assert_str_eq(time_since(&now, text), "0 seconds");
}
END_TEST

START_TEST(of_a_text)
{
	char text[32], then[40];
	time_t ago = time(NULL) - 3 * 3600 - 60;
	struct tm utc;

	gmtime_r(&ago, &utc);
	strftime(then, sizeof(then), "%Y-%m-%dT%H:%M:%S.5Z", &utc);
	ck_assert_str_eq(time_ago_text(then, text), "3 hours ago");
	ck_assert_str_eq(time_ago_text("yesterday", text), "-");
	ck_assert_str_eq(time_ago_text(NULL, text), "-");
}
END_TEST

START_TEST(spans)
{
	static const struct {
		const char *text;
		int ms; /* -1: none */
	} rows[] = {
		{ "5s", 5000 },
		{ "100ms", 100 },
		{ "1m30s", 90000 },
		{ "1.5h", 5400000 },
		{ "0s", 0 },
		{ "1ns", 1 },
		{ "2500us", 2 },
		{ "576h", 2073600000 },
		{ "", -1 },
		{ "5", -1 },
		{ "s", -1 },
		{ "-1s", -1 },
		{ " 1s", -1 },
		{ "0x5s", -1 },
		{ "1e3s", -1 },
		{ "infs", -1 },
		{ "1 s", -1 },
		{ "1S", -1 },
		{ "600h", -1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int ms = -1;
		bool is = time_to_ms(rows[i].text, &ms);
		ck_assert_msg(is == (rows[i].ms >= 0) && ms == rows[i].ms, "'%s': %d, %d ms",
			rows[i].text, is, ms);
	}
}
END_TEST

START_TEST(the_monitors_calendar_is_libcs)
{
	/* Every day and some from 1970 on, over the leap days of 1972 to 2200. */
	for (long long seconds = 0; seconds < 84000LL * 86400; seconds += 86400 * 3 / 4 + 1) {
		struct timespec when = { .tv_sec = seconds, .tv_nsec = 120 };
		char ours[40], theirs[40];
		struct tm utc;
		*stamp_time(ours, &when) = '\0';
		gmtime_r(&when.tv_sec, &utc);
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.000000120Z", &utc);
		ck_assert_str_eq(ours, theirs);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_times");
	TCase *cases = tcase_create("times");

	tcase_add_test(cases, in_the_largest_unit_that_fits);
	tcase_add_test(cases, the_future_is_now);
	tcase_add_test(cases, of_a_text);
	tcase_add_test(cases, spans);
	tcase_add_test(cases, the_monitors_calendar_is_libcs);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
