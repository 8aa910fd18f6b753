/* The memory of a document: in pieces, of any size, and nobody's once it is over. */
#include <check.h>
#include <stdint.h>
#include <string.h>

#include "spec/base/json_pool.h"
#include "tests/unit/run.h"

/* More than a piece holds, in sizes that do not fit each other. */
static void check_taking(void)
{
	static unsigned char *taken[600];

	for (size_t i = 0; i < 600; i++) {
		size_t n = i % 50 == 49 ? 30000 : i % 50 + 1;
		taken[i] = json_pool_take(n);
		ck_assert_ptr_nonnull(taken[i]);
		ck_assert_uint_eq((uintptr_t)taken[i] % _Alignof(max_align_t), 0);
		memset(taken[i], (int)i & 0xff, n);
	}
	for (size_t i = 0; i < 600; i++) {
		size_t n = i % 50 == 49 ? 30000 : i % 50 + 1;
		for (size_t at = 0; at < n; at++)
			ck_assert_uint_eq(taken[i][at], i & 0xff);
		json_pool_give(taken[i]);
	}
}

START_TEST(pieces)
{
	struct json_pool p = { 0 };

	json_pool_begin(&p);
	check_taking();
	ck_assert_ptr_nonnull(p.last);
	json_pool_done(&p);
	ck_assert_ptr_null(p.last);
	/* What is taken now is the heap's, and given back one by one: a leak is ASan's to tell. */
	check_taking();
}
END_TEST

/* One that never began, as where a document was refused before it was parsed. */
START_TEST(unused)
{
	struct json_pool p = { 0 };

	json_pool_done(&p);
	json_pool_begin(&p);
	json_pool_done(&p);
}
END_TEST

START_TEST(sizes_at_the_ends)
{
	struct json_pool p = { 0 };

	json_pool_begin(&p);
	ck_assert_ptr_nonnull(json_pool_take(0));
	ck_assert_ptr_null(json_pool_take(SIZE_MAX - 7));
	ck_assert_ptr_nonnull(json_pool_take(1));
	json_pool_done(&p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_json_pool");
	TCase *cases = tcase_create("pieces");

	tcase_add_test(cases, pieces);
	tcase_add_test(cases, unused);
	tcase_add_test(cases, sizes_at_the_ends);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
