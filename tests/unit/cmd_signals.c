/* Signals by name, as kill and stop take them. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/signals.h"
#include "tests/unit/run.h"

START_TEST(names_and_numbers)
{
	static const struct {
		const char *text;
		int signal;
	} rows[] = {
		{ "9", 9 },
		{ "0", 0 },
		{ "KILL", SIGKILL },
		{ "SIGKILL", SIGKILL },
		{ "sigterm", SIGTERM },
		{ "Hup", SIGHUP },
		{ "USR1", SIGUSR1 },
		{ "SYS", SIGSYS },
	};
	struct err e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int signal = -1;
		ck_assert_msg(signal_parse(rows[i].text, &signal, &e) == 0, "'%s'", rows[i].text);
		ck_assert_int_eq(signal, rows[i].signal);
	}
}
END_TEST

START_TEST(real_time_signals)
{
	struct err e;
	int signal = -1;

	ck_assert_int_eq(signal_parse("RTMIN+3", &signal, &e), 0);
	ck_assert_int_eq(signal, SIGRTMIN + 3);
	ck_assert_int_eq(signal_parse("SIGRTMIN+0", &signal, &e), 0);
	ck_assert_int_eq(signal, SIGRTMIN);
	ck_assert_int_eq(signal_parse("64", &signal, &e), 0);
	ck_assert_int_eq(signal, SIGRTMAX);
	ck_assert_int_eq(signal_parse("rtmin", &signal, &e), 0);
	ck_assert_int_eq(signal, SIGRTMIN);
	ck_assert_int_eq(signal_parse("SIGRTMAX-2", &signal, &e), 0);
	ck_assert_int_eq(signal, SIGRTMAX - 2);
	ck_assert_int_eq(signal_parse("RTMAX", &signal, &e), 0);
	ck_assert_int_lt(signal_parse("RTMAX+1", &signal, &e), 0);
	ck_assert_int_lt(signal_parse("RTMIN-1", &signal, &e), 0);
	ck_assert_int_lt(signal_parse("RTMIN+", &signal, &e), 0);
	ck_assert_int_lt(signal_parse("RTMIN+99", &signal, &e), 0);
	ck_assert_int_eq(signal, SIGRTMAX);
}
END_TEST

START_TEST(others_are_refused_by_name)
{
	static const char *const bad[] = { "", "SIG", "KILLL", "-9", "65", "9x", "SIGSIGKILL",
		" 9" };
	struct err e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int signal = 77;
		ck_assert_msg(signal_parse(bad[i], &signal, &e) == -ERR_USAGE, "'%s'", bad[i]);
		ck_assert_int_eq(signal, 77);
		ck_assert_ptr_nonnull(strstr(e.text, bad[i]));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_signals");
	TCase *cases = tcase_create("signals");

	tcase_add_test(cases, names_and_numbers);
	tcase_add_test(cases, real_time_signals);
	tcase_add_test(cases, others_are_refused_by_name);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
