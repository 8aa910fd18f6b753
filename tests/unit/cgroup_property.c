/* cgroup/property: which properties of a unit limits and annotations become. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/property.h"
#include "tests/unit/run.h"

static char cpus[] = "0-2,9", mems[] = "1";

static void expect(const struct resources *r, enum property_time at, const char *lines)
{
	automatic(str) struct str text = { 0 };
	struct err e;

	str_add(&text, "");
	ck_assert_msg(property_limits(r, at, &text, &e) == 0, "%s", e.text);
	ck_assert_str_eq(text.data, lines);
}

START_TEST(memory)
{
	struct resources r = { 0 };

	expect(&r, PROPERTY_AT_START, "");
	r.memory.limit = (struct opt_i64){ true, 33554432 };
	r.memory.swap = (struct opt_i64){ true, 50331648 };
	r.memory.reservation = (struct opt_i64){ true, 4096 };
	expect(&r, PROPERTY_AT_START,
		"231 MemoryLow t 4096\n231 MemoryMax t 33554432\n232 MemorySwapMax t 16777216\n");
	r.memory.limit.value = r.memory.swap.value = -1;
	expect(&r, PROPERTY_UPDATE,
		"231 MemoryLow t 4096\n231 MemoryMax t 18446744073709551615\n"
		"232 MemorySwapMax t 18446744073709551615\n");
}
END_TEST

/* Whole percents, and never fewer than asked for: 12.5 % is 13. */
START_TEST(cpu_time)
{
	struct resources r = { .cpu.quota = { true, 50000 }, .cpu.shares = { true, 1024 } };

	expect(&r, PROPERTY_AT_START, "232 CPUWeight t 100\n213 CPUQuotaPerSecUSec t 500000\n");
	r.cpu.shares.set = false;
	r.cpu.quota.value = 12500;
	expect(&r, PROPERTY_AT_START, "213 CPUQuotaPerSecUSec t 130000\n");
	r.cpu.period = (struct opt_u64){ true, 10000 };
	expect(&r, PROPERTY_AT_START,
		"242 CPUQuotaPeriodUSec t 10000\n213 CPUQuotaPerSecUSec t 1250000\n");
	r.cpu.quota.value = -1;
	expect(&r, PROPERTY_UPDATE,
		"242 CPUQuotaPeriodUSec t 10000\n"
		"213 CPUQuotaPerSecUSec t 18446744073709551615\n");
	r = (struct resources){ .cpu.idle = { true, 1 }, .cpu.shares = { true, 2048 } };
	expect(&r, PROPERTY_UPDATE, "252 CPUWeight t 0\n");
	r.cpu.idle.value = 0;
	r.cpu.shares.set = false;
	expect(&r, PROPERTY_UPDATE, "");
}
END_TEST

START_TEST(sets_of_cpus_are_bits)
{
	struct resources r = { .cpu.cpus = cpus, .cpu.mems = mems };

	expect(&r, PROPERTY_AT_START, "244 AllowedCPUs ay 0702\n244 AllowedMemoryNodes ay 02\n");
}
END_TEST

/* The keeper of an empty scope is a process too. */
START_TEST(the_limit_of_processes_comes_last)
{
	struct resources r = { .pids.limit = { true, 7 } };

	expect(&r, PROPERTY_AT_START, "");
	expect(&r, PROPERTY_SETTLED, "227 TasksMax t 7\n");
	expect(&r, PROPERTY_UPDATE, "227 TasksMax t 7\n");
	r.pids.limit.value = 0;
	expect(&r, PROPERTY_SETTLED, "227 TasksMax t 1\n");
	r.pids.limit.value = -1;
	expect(&r, PROPERTY_SETTLED, "227 TasksMax t 18446744073709551615\n");
}
END_TEST

START_TEST(block_devices)
{
	struct throttle_device slow[] = { { 8, 0, 1000 } };
	struct resources r = { .block_io.weight = { true, 500 },
		.block_io.read_bps = slow,
		.block_io.n_read_bps = 1 };

	expect(&r, PROPERTY_AT_START, "230 IOWeight t 4950\n");
}
END_TEST

#define PAIR(key, value)                                                                           \
	{                                                                                          \
		(char *)(key), (char *)(value)                                                     \
	}

START_TEST(files_by_name)
{
	struct string_pair files[] = { PAIR("memory.high", "1000"), PAIR("memory.min", "5"),
		PAIR("cpu.max", "max 50000"), PAIR("cpu.weight", "20"), PAIR("cpuset.cpus", "8"),
		PAIR("memory.oom.group", "1"), PAIR("io.max", "8:0 rbps=1"),
		PAIR("io.weight", "default 30"), PAIR("hugetlb.2MB.max", "0"),
		PAIR("memory.max", "64M"), PAIR("cpu.max", "x") };
	struct resources r = { .unified = files, .n_unified = sizeof(files) / sizeof(files[0]) };

	expect(&r, PROPERTY_AT_START,
		"231 MemoryHigh t 1000\n240 MemoryMin t 5\n242 CPUQuotaPeriodUSec t 50000\n"
		"213 CPUQuotaPerSecUSec t 18446744073709551615\n232 CPUWeight t 20\n"
		"244 AllowedCPUs ay 0001\n253 OOMPolicy s kill\n230 IOWeight t 30\n"
		"231 MemoryMax t 67108864\n");
	files[0].key = (char *)"pids.max";
	r.n_unified = 1;
	expect(&r, PROPERTY_AT_START, "");
	expect(&r, PROPERTY_SETTLED, "227 TasksMax t 1000\n");
}
END_TEST

static const struct {
	const char *name, *value, *line;
} annotations[] = {
	{ "TimeoutStopUSec", "uint64 123456789", "0 TimeoutStopUSec t 123456789\n" },
	{ "TimeoutStopSec", "456", "0 TimeoutStopUSec t 456000000\n" },
	{ "TimeoutStopSec", "uint32 1", "0 TimeoutStopUSec t 1000000\n" },
	{ "TimeoutStopSec", "1.5", "0 TimeoutStopUSec t 1500000\n" },
	{ "CollectMode", "'inactive-or-failed'", "0 CollectMode s inactive-or-failed\n" },
	{ "Documentation", "[\"man:a(1)\", 'man:b(1)' ]",
		"0 Documentation as \tman:a(1)\tman:b(1)\n" },
	{ "Description", "'it\\'s \"here\"'", "0 Description s it's \"here\"\n" },
	{ "Description", "\"\"", "0 Description s \n" },
	{ "SendSIGHUP", " true ", "0 SendSIGHUP b true\n" },
	{ "MemoryHigh", "uint64 0x10", "0 MemoryHigh t 16\n" },
	{ "Abc", "-5", "0 Abc i -5\n" },
	{ "Abc", "byte 255", "0 Abc y 255\n" },
	{ "Abc", "int16 -32768", "0 Abc n -32768\n" },
	{ "Abc", "[1, 2]", "0 Abc ai \t1\t2\n" },
	{ "Abc", "[uint32 7]", "0 Abc au \t7\n" },
	{ "Abc", "double 2", "0 Abc d 2\n" },
};

START_TEST(annotations_are_values_of_gvariant)
{
	automatic(str) struct str text = { 0 };
	struct err e;

	ck_assert_msg(
		property_annotation(annotations[_i].name, annotations[_i].value, &text, &e) == 0,
		"%s", e.text);
	ck_assert_str_eq(text.data, annotations[_i].line);
}
END_TEST

static const struct {
	const char *name, *value, *said;
} wrong[] = {
	{ "TimeoutStopUSec", "", "'' is no value of a property" },
	{ "TimeoutStopSec", "'a'", "is no value" },
	{ "TimeoutStopSec", "-1", "is no value" },
	{ "Abc", "byte 256", "is no value" },
	{ "Abc", "byte -1", "is no value" },
	{ "Abc", "2147483648", "is no value" },
	{ "Abc", "uint64 18446744073709551616", "is no value" },
	{ "Abc", "uint64", "is no value" },
	{ "Abc", "infinity", "is no value" },
	{ "Abc", "5 6", "is no value" },
	{ "Abc", "5x", "is no value" },
	{ "Abc", "'a", "is no value" },
	{ "Abc", "'a\nb'", "is no value" },
	{ "Abc", "[1, 'a']", "is no value" },
	{ "Abc", "[1", "is no value" },
	{ "Abc", "[]", "is no value" },
	{ "Abc", "truer", "is no value" },
	{ "PIDs", "[uint32 1]", "is not for config.json to say" },
	{ "Slice", "'a.slice'", "is not for config.json to say" },
	{ "Ab", "1", "no name of a property" },
	{ "A b", "1", "no name of a property" },
	{ "Abc\nX", "1", "no name of a property" },
};

START_TEST(other_annotations_are_refused)
{
	automatic(str) struct str text = { 0 };
	struct err e;

	ck_assert_int_eq(property_annotation(wrong[_i].name, wrong[_i].value, &text, &e), -EINVAL);
	ck_assert_msg(strstr(e.text, wrong[_i].said) != NULL, "'%s' is not in '%s'", wrong[_i].said,
		e.text);
	ck_assert_uint_eq(text.len, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("property");
	TCase *tests = tcase_create("property");

	tcase_add_test(tests, memory);
	tcase_add_test(tests, cpu_time);
	tcase_add_test(tests, sets_of_cpus_are_bits);
	tcase_add_test(tests, the_limit_of_processes_comes_last);
	tcase_add_test(tests, block_devices);
	tcase_add_test(tests, files_by_name);
	tcase_add_loop_test(tests, annotations_are_values_of_gvariant, 0,
		sizeof(annotations) / sizeof(annotations[0]));
	tcase_add_loop_test(
		tests, other_annotations_are_refused, 0, sizeof(wrong) / sizeof(wrong[0]));
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
