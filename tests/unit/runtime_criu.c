/* What CRIU's log gives as the reason. */
#include <check.h>
#include <string.h>

#include "runtime/criu.h"
#include "tests/unit/run.h"

static const struct {
	const char *log, *reason;
} logs[] = {
	{ "(00.1) fine\n(00.2) Error (criu/a.c:1): first\n(00.3) Error (criu/b.c:2): second\n"
	  "(00.4) Error (criu/cr-dump.c:1975): Dumping FAILED.\n",
		"Error (criu/b.c:2): second" },
	{ "(00.2)      1: Error (criu/files.c:9): no file\n(00.4) Error (criu/cr-restore.c:2): Restoring FAILED.\n"
	  "(00.5) Error (criu/cgroup.c:3): cg: cgroupd: recv req error\n(00.6) more\n",
		"Error (criu/files.c:9): no file" },
	{ "only this\nand that\n\n", "and that" },
	{ "one", "one" },
	{ "", "" },
	{ "Error (cut", "Error (cut" },
};

START_TEST(the_last_error_that_is_a_reason)
{
	char log[512];

	strcpy(log, logs[_i].log); /* NOLINT */
	ck_assert_str_eq(criu_reason(log), logs[_i].reason);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runtime_criu");
	TCase *cases = tcase_create("log");

	tcase_add_loop_test(
		cases, the_last_error_that_is_a_reason, 0, (int)(sizeof(logs) / sizeof(logs[0])));
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
