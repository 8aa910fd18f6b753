/* The kernel's texts as the JSON of `events`: whole, and as no kernel writes them. */
#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup/report.h"
#include "spec/base/fd.h"
#include "tests/unit/run.h"

static const struct row {
	bool (*convert)(const char *, struct str *);
	const char *text, *json; /* NULL: refused */
} rows[] = {
	{ report_list, "\n", "[]" },
	{ report_list, "0\n", "[0]" },
	{ report_list, "0-2,7,9-10\n", "[0,1,2,7,9,10]" },
	{ report_list, "2-1\n", NULL },
	{ report_list, "0-99999\n", NULL },
	{ report_list, "0-18446744073709551615\n", NULL },
	{ report_list, "none\n", NULL },
	{ report_numbers, "", "{}" },
	{ report_numbers, "anon 0\nfile 18446744073709551615\n",
		"{\"anon\":0,\"file\":18446744073709551615}" },
	{ report_numbers, "anon 1\nfi\"le 2\n", NULL },
	{ report_numbers, "anon -1\n", NULL },
	{ report_numbers, "anon\n", NULL },
	{ report_pressure,
		"some avg10=0.00 avg60=1.25 avg300=99.99 total=12\n"
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"{\"some\":{\"avg10\":0.00,\"avg60\":1.25,\"avg300\":99.99,\"total\":12},"
		"\"full\":{\"avg10\":0.00,\"avg60\":0.00,\"avg300\":0.00,\"total\":0}}" },
	{ report_pressure, "", NULL },
	{ report_pressure, "some avg10=high\n", NULL },
	{ report_pressure, "some avg10=1.2.3\n", NULL },
	{ report_pressure, "some avg10=.5\n", NULL },
	{ report_pressure, "some\tavg10=0.00\n", NULL },
	{ report_pressure, "some avg10", NULL },
};

START_TEST(texts)
{
	automatic(str) struct str out = { 0 };
	const struct row *row = &rows[_i];

	bool done = row->convert(row->text, &out);
	ck_assert_msg(done == !!row->json, "'%s': %d", row->text, done);
	if (done)
		ck_assert_str_eq(out.data, row->json);
}
END_TEST

START_TEST(block_devices)
{
	automatic(stats) struct stats s = { 0 };
	char line[] = "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=7";
	char other[] = "254:0 rbytes=9 wbytes=no";
	char none[] = "rbytes=1";

	ck_assert_int_eq(report_block_line(line, &s), 0);
	ck_assert_int_eq(report_block_line(other, &s), 0);
	ck_assert_int_eq(report_block_line(none, &s), 0);
	ck_assert_uint_eq(s.n_bytes, 3);
	ck_assert_uint_eq(s.n_operations, 2);
	ck_assert(s.bytes[1].major == 8 && s.bytes[1].minor == 16 && s.bytes[1].value == 2);
	ck_assert_str_eq(s.bytes[1].op, "Write");
	ck_assert(s.operations[0].value == 3 && s.operations[1].value == 4);
	ck_assert(s.bytes[2].major == 254 && s.bytes[2].value == 9);
}
END_TEST

static void put(int dir, const char *name, const char *text)
{
	autofd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	ck_assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

/* A directory with the files of a group that has limits. */
START_TEST(version_2_in_the_words_of_1)
{
	automatic(stats) struct stats s = { 0 };
	char dir[] = "/tmp/cowrun-report.XXXXXX";
	struct err e = { 0 };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	autofd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static const char *const files[][2] = { { "cpu.stat", "usage_usec 5\nnr_periods 2\n" },
		{ "memory.max", "100\n" }, { "memory.swap.max", "max\n" },
		{ "memory.current", "30\n" }, { "memory.swap.current", "4\n" },
		{ "memory.events", "max 6\n" }, { "memory.stat", "file 8\n" },
		{ "pids.current", "3\n" }, { "pids.max", "max\n" },
		{ "io.stat", "8:0 rios=1\n8:16\n" }, { "cpuset.cpus.effective", "0-1\n" },
		{ "hugetlb.2MB.current", "0\n" }, { "hugetlb.2MB.events", "max 1\n" },
		{ "hugetlb.1GB.max", "0\n" }, { "hugetlb.2MB.rsvd.current", "0\n" } };
	enum { N = sizeof(files) / sizeof(files[0]) };
	for (size_t i = 0; i < N; i++)
		put(fd, files[i][0], files[i][1]);

	int r = cgroup_report(fd, &s, &e);
	for (size_t i = 0; i < N; i++)
		unlinkat(fd, files[i][0], 0);
	rmdir(dir);
	ck_assert_msg(r == 0, "%s", e.text);
	ck_assert(s.cpu.total.value == 5000 && !s.cpu.user.set && s.cpu.periods.value == 2);
	ck_assert(s.memory.usage.limit.value == 100 && s.memory.usage.failcnt.value == 6);
	ck_assert(s.memory.swap.usage.value == 34 && s.memory.swap.limit.value == UINT64_MAX);
	ck_assert(s.memory.cache.value == 8 && !s.memory.usage.max.set);
	ck_assert_str_eq(s.memory.raw.text, "{\"file\":8}");
	ck_assert(s.pids.value == 3 && !s.pids_limit.set);
	ck_assert_uint_eq(s.n_operations, 1);
	ck_assert_str_eq(s.cpus.text, "[0,1]");
	ck_assert_ptr_null(s.mems.text);
	ck_assert_uint_eq(s.n_hugepages, 1);
	ck_assert_str_eq(s.hugepages[0].size, "2MB");
	ck_assert(s.hugepages[0].failcnt.value == 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_report");
	TCase *cases = tcase_create("report");

	tcase_add_loop_test(cases, texts, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(cases, block_devices);
	tcase_add_test(cases, version_2_in_the_words_of_1);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
