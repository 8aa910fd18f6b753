/* runtime/graft: files that are no such program, cut off or changed, harm nobody. */
#include "runtime/graft.h"
#include "tests/unit/sleeper.h"

START_TEST(no_other_file)
{
	autofree char *self = NULL;
	size_t n;
	struct graft g;

	ck_assert_int_eq(fd_read_file(AT_FDCWD, "/proc/self/exe", 1 << 26, &self, &n, &e), 0);
	int r = graft_read(self, n, &g, &e);
	if (r == 0) {
		autofree unsigned char *memory = calloc(1, g.size);
		r = graft_place(&g, 0, memory, &e);
	}
	ck_assert_int_eq(r, -EINVAL);
	for (size_t i = 0; i < n_graft; i += 7) {
		autofree char *cut = malloc(i + 1);
		memcpy(cut, graft, i);
		if (graft_read(cut, i, &g, &e) < 0)
			continue;
		autofree unsigned char *memory = calloc(1, g.size);
		graft_place(&g, 0x10000, memory, &e);
	}
}
END_TEST

START_TEST(every_byte_may_be_wrong)
{
	struct graft g;

	for (size_t i = 0; i < n_graft; i++) {
		char was = graft[i];
		graft[i] = (char)(was ^ 0xff);
		if (graft_read(graft, n_graft, &g, &e) == 0) {
			autofree unsigned char *memory = calloc(1, g.size);
			graft_place(&g, 0x10000, memory, &e);
		}
		graft[i] = was;
	}
}
END_TEST

START_TEST(lies_where_it_is_put)
{
	struct graft g;

	ck_assert_int_eq(graft_read(graft, n_graft, &g, &e), 0);
	ck_assert_int_ge(g.n_segments, 2);
	autofree unsigned char *here = calloc(1, g.size), *there = calloc(1, g.size);
	ck_assert_int_eq(graft_place(&g, 0x10000, here, &e), 0);
	ck_assert_int_eq(graft_place(&g, 0x7f0000010000, there, &e), 0);
	/* The same bytes, but for some addresses. */
	int n = 0;
	for (size_t i = 0; i < g.size; i += 8) {
		uint64_t a, b;
		memcpy(&a, here + i, 8);
		memcpy(&b, there + i, 8);
		if (a == b)
			continue;
		ck_assert_uint_eq(b - a, 0x7f0000000000);
		ck_assert_uint_lt(a - 0x10000, g.size);
		n++;
	}
	ck_assert_int_eq(n, 4); /* acts[] */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runtime_graft");
	TCase *cases = tcase_create("graft");

	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, no_other_file);
	tcase_add_test(cases, every_byte_may_be_wrong);
	tcase_add_test(cases, lies_where_it_is_put);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
