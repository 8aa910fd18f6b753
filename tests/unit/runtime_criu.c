/* What CRIU's log gives as the reason. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/criu.h"
#include "spec/base/str.h"
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

/* A stand-in for CRIU. */
static int run_stand_in(const char *script, int silence_ms, struct err *e)
{
	char dir[] = "/tmp/cowrun-test.criu.XXXXXX", path[64], words[128];
	struct criu_process p = { .cgroup = -1, .silence_ms = silence_ms };
	automatic(criu_words) struct criu_words w = { 0 };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	struct checkpoint_options o = { .image = dir };
	snprintf(path, sizeof(path), "%s/criu", dir);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "#!/bin/sh\ncd %s\n%s\n", dir, script);
	fclose(file);
	chmod(path, 0755);
	autofree char *found_in = str_format("%s:%s", dir, getenv("PATH"));
	setenv("PATH", found_in, 1);
	criu_begin(&w, CRIU_DUMP, &o);
	int r = criu_run(&w, &o, &p, e);
	snprintf(words, sizeof(words), "rm -r %s", dir);
	ck_assert_int_eq(system(words), 0);
	return r;
}

START_TEST(as_long_as_its_log_grows_it_may_run)
{
	struct err e = { 0 };

	ck_assert_msg(
		run_stand_in("for i in 1 2 3 4 5 6 7 8; do echo $i >>dump.log; sleep 0.5; done",
			3000, &e) == 0,
		"%s", e.text);
}
END_TEST

START_TEST(one_that_says_nothing_is_killed)
{
	struct err e;

	ck_assert_int_eq(
		run_stand_in("echo begun >dump.log; exec sleep 1000", 300, &e), -ETIMEDOUT);
	ck_assert_msg(
		strstr(e.text, "criu: nothing new in its log for 0 s: killed (log: ") == e.text,
		"%s", e.text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runtime_criu");
	TCase *cases = tcase_create("log");

	tcase_add_loop_test(
		cases, the_last_error_that_is_a_reason, 0, (int)(sizeof(logs) / sizeof(logs[0])));
	tcase_add_test(cases, as_long_as_its_log_grows_it_may_run);
	tcase_add_test(cases, one_that_says_nothing_is_killed);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
