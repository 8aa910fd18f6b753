/* The documents of `events`. */
#include <check.h>
#include <string.h>

#include "spec/stats.h"
#include "tests/unit/run.h"

#define SET(n)                                                                                     \
	{                                                                                          \
		true, (n)                                                                          \
	}
#define TEXT(t)                                                                                    \
	{                                                                                          \
		(char *)(t), sizeof(t) - 1                                                         \
	}

/* runc's bats and its users look at how the line begins. */
START_TEST(what_is_not_known_is_absent)
{
	automatic(str) struct str out = { 0 };
	struct stats s = { .pids = SET(0) };

	stats_write("web", &s, &out);
	ck_assert_str_eq(out.data,
		"{\"type\":\"stats\",\"id\":\"web\",\"data\":{\"pids\":{\"current\":0}}}");
}
END_TEST

START_TEST(all_of_it)
{
	automatic(str) struct str out = { 0 };
	struct block_figure bytes[] = { { 8, 0, (char *)"Read", 4096 },
		{ 8, 0, (char *)"Write", 0 } };
	struct block_figure operations[] = { { 8, 0, (char *)"Read", 1 } };
	struct hugepage_figures pages[] = { { (char *)"2MB", SET(0), SET(3) } };
	struct stats s = {
		.cpu = { SET(3000), SET(1000), SET(2000), SET(9), SET(1), SET(500),
			TEXT("{\"some\":{\"avg10\":0.50}}") },
		.cpus = TEXT("[0,1]"),
		.mems = TEXT("[0]"),
		.memory = { .cache = SET(7),
			.usage = { SET(UINT64_MAX), SET(10), SET(12), SET(0) },
			.swap = { .limit = SET(20), .usage = SET(11) },
			.raw = TEXT("{\"anon\":5}"),
			.psi = TEXT("{}") },
		.pids = SET(2),
		.pids_limit = SET(64),
		.bytes = bytes,
		.n_bytes = 2,
		.operations = operations,
		.n_operations = 1,
		.io_psi = TEXT("{}"),
		.hugepages = pages,
		.n_hugepages = 1,
	};

	stats_write("web", &s, &out);
	ck_assert_str_eq(out.data,
		"{\"type\":\"stats\",\"id\":\"web\",\"data\":{"
		"\"cpu\":{\"usage\":{\"total\":3000,\"kernel\":1000,\"user\":2000},"
		"\"throttling\":{\"periods\":9,\"throttledPeriods\":1,\"throttledTime\":500},"
		"\"psi\":{\"some\":{\"avg10\":0.50}}},"
		"\"cpuset\":{\"cpus\":[0,1],\"mems\":[0]},"
		"\"memory\":{\"cache\":7,"
		"\"usage\":{\"limit\":18446744073709551615,\"usage\":10,\"max\":12,\"failcnt\":0},"
		"\"swap\":{\"limit\":20,\"usage\":11},\"raw\":{\"anon\":5},\"psi\":{}},"
		"\"pids\":{\"current\":2,\"limit\":64},"
		"\"blkio\":{\"ioServiceBytesRecursive\":["
		"{\"major\":8,\"minor\":0,\"op\":\"Read\",\"value\":4096},"
		"{\"major\":8,\"minor\":0,\"op\":\"Write\",\"value\":0}],"
		"\"ioServicedRecursive\":[{\"major\":8,\"minor\":0,\"op\":\"Read\",\"value\":1}],"
		"\"psi\":{}},"
		"\"hugetlb\":{\"2MB\":{\"usage\":0,\"failcnt\":3}}}}");
}
END_TEST

START_TEST(a_kill)
{
	automatic(str) struct str out = { 0 };

	stats_write_oom("web", &out);
	ck_assert_str_eq(out.data, "{\"type\":\"oom\",\"id\":\"web\"}");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_stats");
	TCase *cases = tcase_create("stats");

	tcase_add_test(cases, what_is_not_known_is_absent);
	tcase_add_test(cases, all_of_it);
	tcase_add_test(cases, a_kill);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
