/* A short course of tests/fuzz/spec.c: the same at every run. */
#include <check.h>

#include "tests/unit/run.h"

#define FUZZ_NO_MAIN
#include "tests/fuzz/spec.c" // NOLINT(bugprone-suspicious-include): its functions are the test

enum { ROUNDS = 10000 };

/* Some must be taken, and most not, or the changes are not worth much. */
START_TEST(survives)
{
	size_t taken = fuzz(1000 + (uint64_t)_i, ROUNDS);

	ck_assert_uint_gt(taken, ROUNDS / 20);
	ck_assert_uint_lt(taken, ROUNDS * 19 / 20);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_fuzz");
	TCase *cases = tcase_create("mutations");

	tcase_set_timeout(cases, 120);
	tcase_add_loop_test(cases, survives, 0, 4);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
