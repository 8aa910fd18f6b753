/* How every unit program ends: its suite is run, each test in a process of its own, told as TAP. */
#ifndef TESTS_UNIT_RUN_H
#define TESTS_UNIT_RUN_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * A directory of a test's own, with the run's mark on it (tests/run): what one that was killed leaves is known
 * by that, and cleared away by a later run.
 */
static inline void unit_scratch(const char *where, const char *what, char *ret, size_t size)
{
	const char *mark = getenv("COWRUN_TEST");

	snprintf(ret, size, "%s/cowrun-test.%s.%s.XXXXXX", where, mark ? mark : "unit", what);
	if (!mkdtemp(ret)) {
		perror(ret);
		exit(1);
	}
}

/* Behind all tests, as TAP has no place for it: where each failing one failed, in their order (tests/tap). */
static inline void unit_tell_places(SRunner *runner)
{
	TestResult **failures = srunner_failures(runner);

	for (int i = 0; i < srunner_ntests_failed(runner); i++)
		printf("# failed at %s:%d\n", tr_lfile(failures[i]), tr_lno(failures[i]));
	free(failures);
}

/* The suite is used up. The exit status for main(). */
static inline int unit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	int failed = srunner_ntests_failed(runner);
	unit_tell_places(runner);
	srunner_free(runner);
	return failed != 0;
}

/* The same for a program that cannot run here at all. */
static inline int unit_skip(Suite *suite, const char *why)
{
	srunner_free(srunner_create(suite));
	printf("1..0 # SKIP %s\n", why);
	return 0;
}

#endif
