/* Signals as people write them. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "cmd/signals.h"
#include "tests/unit/run.h"

static const struct {
	const char *text;
	int signal;
} known[] = {
	{ "0", 0 },
	{ "1", SIGHUP },
	{ "9", SIGKILL },
	{ "64", 64 },
	{ "KILL", SIGKILL },
	{ "SIGKILL", SIGKILL },
	{ "sigkill", SIGKILL },
	{ "kill", SIGKILL },
	{ "Term", SIGTERM },
	{ "SIGUSR1", SIGUSR1 },
	{ "WINCH", SIGWINCH },
	{ "SYS", SIGSYS },
	{ "PWR", SIGPWR },
};

START_TEST(is_known)
{
	struct err e = { 0 };
	int signal = -1;

	ck_assert_msg(signal_parse(known[_i].text, &signal, &e) == 0, "%s", e.text);
	ck_assert_int_eq(signal, known[_i].signal);
}
END_TEST

START_TEST(real_time_signals_are_counted_from_the_first)
{
	struct err e = { 0 };
	int signal = -1;

	ck_assert_int_eq(signal_parse("SIGRTMIN+3", &signal, &e), 0);
	ck_assert_int_eq(signal, SIGRTMIN + 3);
	ck_assert_int_eq(signal_parse("RTMIN+0", &signal, &e), 0);
	ck_assert_int_eq(signal, SIGRTMIN);
}
END_TEST

static const char *const unknown[] = { "", "SIG", "NOPE", "SIGNOPE", "-1", "65", "9x", " 9", "9 ",
	"09", "+9", "0x9", "KILLER", "SIGSIGKILL", "SIG9", "RTMIN+", "RTMIN+99", "RTMIN-1",
	"KILL TERM" };

START_TEST(is_unknown)
{
	struct err e = { 0 };
	int signal = -1;

	ck_assert_msg(signal_parse(unknown[_i], &signal, &e) == -ERR_USAGE, "'%s' was taken",
		unknown[_i]);
	ck_assert_msg(strncmp(e.text, "unknown signal \"", 16) == 0, "%s", e.text);
	ck_assert_int_eq(signal, -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("signals");
	TCase *tests = tcase_create("signals");

	tcase_add_loop_test(tests, is_known, 0, sizeof(known) / sizeof(known[0]));
	tcase_add_test(tests, real_time_signals_are_counted_from_the_first);
	tcase_add_loop_test(tests, is_unknown, 0, sizeof(unknown) / sizeof(unknown[0]));
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
