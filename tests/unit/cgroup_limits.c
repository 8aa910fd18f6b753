/* cgroup/limits: which files a document's resources become. Pure; cgroup_limited.c sets real ones.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/limits.h"
#include "spec/base/str.h"
#include "tests/unit/run.h"

static const struct opt_i64 NONE;
static char cpus[] = "0-1", mems[] = "0", empty[] = "";

/* The plan as one text: "file=value file=value". */
static char *planned(const struct resources *r, unsigned *ret_controllers)
{
	static struct str text;
	automatic(limits_plan) struct limits_plan plan = { 0 };
	struct err e;

	str_done(&text);
	str_add(&text, "");
	ck_assert_msg(limits_plan(r, &plan, &e) == 0, "%s", e.text);
	for (size_t i = 0; i < plan.n; i++)
		str_addf(&text, "%s%s=%s", i ? " " : "", plan.v[i].file,
			plan.v[i].text ? plan.v[i].text : plan.v[i].value);
	*ret_controllers = plan.controllers;
	return text.data;
}

static void expect(const struct resources *r, const char *files, unsigned controllers)
{
	unsigned set;

	ck_assert_str_eq(planned(r, &set), files);
	ck_assert_uint_eq(set, controllers);
}

static void refuse_with(const struct resources *r, int code, const char *part)
{
	struct limits_plan plan = { .n = 77 };
	struct err e;

	ck_assert_int_eq(limits_plan(r, &plan, &e), -code);
	ck_assert_msg(strstr(e.text, part) != NULL, "'%s' is not in '%s'", part, e.text);
	ck_assert_uint_eq(plan.n, 77);
}

static void refuse(const struct resources *r, const char *part)
{
	refuse_with(r, EINVAL, part);
}

START_TEST(nothing_asked_nothing_written)
{
	struct resources r = { 0 };
	struct err e;

	expect(&r, "", 0);
	r.memory.limit = r.memory.swap = r.memory.reservation = (struct opt_i64){ true, 0 };
	r.cpu.shares = r.cpu.period = (struct opt_u64){ true, 0 };
	r.cpu.quota = (struct opt_i64){ true, 0 };
	r.cpu.cpus = r.cpu.mems = empty;
	expect(&r, "", 0);
	/* Not even a host without cgroups is asked. */
	ck_assert_int_eq(limits_check(-1, &r, &e), 0);
	ck_assert_int_eq(limits_apply(-1, &r, &e), 0);
}
END_TEST

START_TEST(memory)
{
	struct resources r = { .memory.limit = { true, 33554432 } };

	expect(&r, "memory.max=33554432", CONTROLLER_MEMORY);
	r.memory.swap = (struct opt_i64){ true, 33554432 };
	expect(&r, "memory.max=33554432 memory.swap.max=0", CONTROLLER_MEMORY);
	r.memory.swap.value = 50331648;
	r.memory.reservation = (struct opt_i64){ true, 4096 };
	expect(&r, "memory.low=4096 memory.max=33554432 memory.swap.max=16777216",
		CONTROLLER_MEMORY);
	r.memory.swap.value = -1;
	r.memory.limit.value = -1;
	r.memory.reservation = NONE;
	expect(&r, "memory.max=max memory.swap.max=max", 0);
	r.memory.limit.value = INT64_MAX;
	r.memory.swap = NONE;
	expect(&r, "memory.max=9223372036854775807", CONTROLLER_MEMORY);
}
END_TEST

START_TEST(memory_refused)
{
	struct resources r = { .memory.swap = { true, 4096 } };

	refuse(&r, "memory.swap: needs a memory limit");
	r.memory.limit = (struct opt_i64){ true, 8192 };
	refuse(&r, "memory.swap: 4096 is below the memory limit, 8192");
	r.memory.swap.value = -2;
	refuse(&r, "memory.swap: -2 is no limit");
	r.memory.swap = NONE;
	r.memory.limit.value = INT64_MIN;
	refuse(&r, "memory.limit: -9223372036854775808 is no limit");
}
END_TEST

START_TEST(cpu)
{
	struct resources r = { .cpu.quota = { true, 50000 } };

	expect(&r, "cpu.max=50000", CONTROLLER_CPU);
	r.cpu.period = (struct opt_u64){ true, 100000 };
	expect(&r, "cpu.max=50000 100000", CONTROLLER_CPU);
	r.cpu.quota.value = -1;
	expect(&r, "cpu.max=max 100000", 0);
	r.cpu.period.value = UINT64_MAX;
	r.cpu.quota.value = INT64_MAX;
	expect(&r, "cpu.max=9223372036854775807 18446744073709551615", CONTROLLER_CPU);
	r = (struct resources){ .cpu.shares = { true, 1024 } };
	expect(&r, "cpu.weight=100", 0);
	r.cpu.idle = (struct opt_i64){ true, 0 };
	expect(&r, "cpu.idle=0 cpu.weight=100", CONTROLLER_CPU);
	r.cpu.idle.value = 1;
	expect(&r, "cpu.idle=1", CONTROLLER_CPU);
	r.cpu.idle.value = 2;
	refuse(&r, "cpu.idle: 2 is neither 0 nor 1");
}
END_TEST

START_TEST(burst_is_on_both_sides_of_the_quota)
{
	struct resources r = { .cpu.quota = { true, 50000 }, .cpu.burst = { true, 20000 } };
	automatic(limits_plan) struct limits_plan plan = { 0 };
	struct err e;

	expect(&r, "cpu.max.burst=20000 cpu.max=50000 cpu.max.burst=20000", CONTROLLER_CPU);
	ck_assert_int_eq(limits_plan(&r, &plan, &e), 0);
	ck_assert_uint_eq(plan.v[0].flags, LIMIT_COMES_AGAIN);
	ck_assert_uint_eq(plan.v[2].flags, 0);
}
END_TEST

START_TEST(a_period_alone_keeps_the_quota)
{
	struct resources r = { .cpu.period = { true, 50000 } };
	automatic(limits_plan) struct limits_plan plan = { 0 };
	struct err e;

	ck_assert_int_eq(limits_plan(&r, &plan, &e), 0);
	ck_assert_uint_eq(plan.n, 1);
	ck_assert_uint_eq(plan.v[0].flags, LIMIT_KEEP_FIRST);
}
END_TEST

START_TEST(realtime_is_refused)
{
	struct resources r = { .cpu.realtime_runtime = { true, 5 } };

	refuse(&r, "realtime");
	r = (struct resources){ .cpu.realtime_period = { true, 5 } };
	refuse(&r, "realtime");
	r.cpu.realtime_period.value = 0;
	expect(&r, "", 0);
}
END_TEST

START_TEST(cpusets_and_processes)
{
	struct resources r = { .cpu.cpus = cpus, .cpu.mems = mems };

	expect(&r, "cpuset.cpus=0-1 cpuset.mems=0", CONTROLLER_CPUSET);
	r = (struct resources){ .pids.limit = { true, 100 } };
	expect(&r, "pids.max=100", CONTROLLER_PIDS);
	r.pids.limit.value = -1;
	expect(&r, "pids.max=max", 0);
	r.pids.limit.value = 0;
	expect(&r, "pids.max=1", CONTROLLER_PIDS);
	r.pids.limit.value = -2;
	refuse(&r, "pids.limit: -2");
}
END_TEST

START_TEST(all_at_once)
{
	struct resources r = { .memory.limit = { true, 8192 },
		.cpu.shares = { true, 2 },
		.pids.limit = { true, 7 },
		.cpu.cpus = mems };

	expect(&r, "memory.max=8192 cpu.weight=1 cpuset.cpus=0 pids.max=7",
		CONTROLLER_MEMORY | CONTROLLER_CPU | CONTROLLER_CPUSET | CONTROLLER_PIDS);
}
END_TEST

START_TEST(block_devices)
{
	struct weight_device weights[] = { { .major = 8, .minor = 16, .weight = { true, 1000 } },
		{ .major = 8, .minor = 32 } };
	struct throttle_device read[] = { { 8, 0, 1048576 },
		{ UINT32_MAX, UINT32_MAX, UINT64_MAX } },
			       write[] = { { 8, 0, 0 } };
	struct resources r = { .block_io.weight = { true, 10 } };

	expect(&r, "io.bfq.weight=10 io.weight=1", CONTROLLER_IO);
	r = (struct resources){ .block_io = { .weight_devices = weights, .n_weight_devices = 2 } };
	expect(&r, "io.bfq.weight=8:16 1000 io.weight=8:16 10000", CONTROLLER_IO);
	r = (struct resources){ .block_io = { .read_bps = read,
					.write_iops = write,
					.n_read_bps = 2,
					.n_write_iops = 1 } };
	expect(&r,
		"io.max=8:0 rbps=1048576 "
		"io.max=4294967295:4294967295 rbps=18446744073709551615 io.max=8:0 wiops=max",
		CONTROLLER_IO);
	r = (struct resources){ .block_io = { .write_bps = read,
					.read_iops = read,
					.n_write_bps = 1,
					.n_read_iops = 1 } };
	expect(&r, "io.max=8:0 wbps=1048576 io.max=8:0 riops=1048576", CONTROLLER_IO);
}
END_TEST

START_TEST(the_file_that_is_there_is_taken)
{
	struct resources r = { .block_io.weight = { true, 500 } };
	automatic(limits_plan) struct limits_plan plan = { 0 };
	struct err e;

	ck_assert_int_eq(limits_plan(&r, &plan, &e), 0);
	ck_assert_uint_eq(plan.v[0].flags, LIMIT_OR_NEXT);
	ck_assert_uint_eq(plan.v[1].flags, 0);
}
END_TEST

START_TEST(huge_pages)
{
	static char size[] = "2MB";
	struct hugepage_limit pages[] = { { size, 4194304 } };
	struct resources r = { .hugepages = pages, .n_hugepages = 1 };

	expect(&r, "hugetlb.2MB.max=4194304 hugetlb.2MB.rsvd.max=4194304", CONTROLLER_HUGETLB);
}
END_TEST

START_TEST(rdma_devices)
{
	static char name[] = "mlx5_1";
	struct rdma_limit devices[] = { { name, { true, 3 }, { 0 } }, { name, { 0 }, { 0 } },
		{ name, { true, 2147483647 }, { true, 0 } } };
	struct resources r = { .rdma = devices, .n_rdma = 3 };

	expect(&r,
		"rdma.max=mlx5_1 hca_handle=3 rdma.max=mlx5_1 hca_handle=2147483647 hca_object=0",
		CONTROLLER_RDMA);
}
END_TEST

START_TEST(unified_is_last_and_as_it_is)
{
	static char high[] = "memory.high", io[] = "io.max", depth[] = "cgroup.max.depth",
		    other[] = "wheel.max", lines[] = "8:0 rbps=1\n8:16 rbps=2", three[] = "3";
	struct string_pair pairs[] = { { high, three }, { io, lines }, { depth, three },
		{ other, three } };
	struct resources r = { .unified = pairs, .n_unified = 3, .pids.limit = { true, 7 } };

	expect(&r, "pids.max=7 memory.high=3 io.max=8:0 rbps=1\n8:16 rbps=2 cgroup.max.depth=3",
		CONTROLLER_PIDS | CONTROLLER_MEMORY | CONTROLLER_IO);
	r.n_unified = 4;
	refuse_with(&r, ERR_NO_CONTROLLER,
		"unified: cannot set 'wheel.max': there is no controller 'wheel'");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_limits");
	TCase *tcase = tcase_create("plan");

	tcase_add_test(tcase, nothing_asked_nothing_written);
	tcase_add_test(tcase, memory);
	tcase_add_test(tcase, memory_refused);
	tcase_add_test(tcase, cpu);
	tcase_add_test(tcase, burst_is_on_both_sides_of_the_quota);
	tcase_add_test(tcase, a_period_alone_keeps_the_quota);
	tcase_add_test(tcase, realtime_is_refused);
	tcase_add_test(tcase, cpusets_and_processes);
	tcase_add_test(tcase, all_at_once);
	tcase_add_test(tcase, block_devices);
	tcase_add_test(tcase, the_file_that_is_there_is_taken);
	tcase_add_test(tcase, huge_pages);
	tcase_add_test(tcase, rdma_devices);
	tcase_add_test(tcase, unified_is_last_and_as_it_is);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
