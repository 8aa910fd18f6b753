/*
 * cgroup/limits, stat, watch: real limits, where the host's v2 has the memory, cpu and pids
 * controllers (in the guest; skipped elsewhere).
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cgroup/hierarchy.h"
#include "cgroup/knob.h"
#include "cgroup/limits.h"
#include "cgroup/stat.h"
#include "cgroup/watch.h"
#include "spec/base/own.h"
#include "spec/base/str.h"
#include "spec/base/sys.h"
#include "tests/unit/run.h"

enum { MIB = 1 << 20 };

static int root = -1;
static char base[64];
static struct err e;

static const char *at(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", base, name);
	return path;
}

#define OK(call) ck_assert_msg((call) == 0, "%s", e.text)

static struct cgroup make(const char *name, const struct resources *r)
{
	struct cgroup c = CGROUP_NONE;

	OK(limits_check(root, r, &e));
	OK(cgroup_make(root, at(name), r, &c, &e));
	OK(limits_apply(c.fd, r, &e));
	return c;
}

static void expect(int fd, const char *file, const char *value)
{
	char text[KNOB_TEXT_MAX];
	ssize_t n = knob_read(fd, file, text, sizeof(text));

	ck_assert_msg(n > 0, "%s: %s", file, strerror((int)-n));
	text[strcspn(text, "\n")] = '\0';
	ck_assert_msg(str_equal(text, value), "%s is '%s', not '%s'", file, text, value);
}

/* A process born in the group: takes `bytes` of memory, then waits for its end. */
static pid_t live_in(const struct cgroup *c, size_t bytes)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)c->fd
	};
	pid_t pid = sys_clone3(&args);

	if (pid != 0)
		return pid;
	if (bytes) {
		char *p = mmap(
			NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (size_t i = 0; p != MAP_FAILED && i < bytes; i += 4096)
			p[i] = 1;
	}
	for (;;)
		pause();
}

static int end_of(pid_t pid)
{
	int status = 0;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

START_TEST(all_that_is_offered_is_passed_on)
{
	struct resources r = { .memory.limit = { true, 32 * MIB }, .pids.limit = { true, 50 } };
	struct resources none = { 0 };
	automatic(cgroup) struct cgroup c = make("a/x", &r), d = make("b/x", &none);

	expect(c.fd, "memory.max", "33554432");
	expect(c.fd, "pids.max", "50");
	ck_assert_uint_eq(hierarchy_controllers(c.fd), hierarchy_controllers(root));
	ck_assert_uint_eq(hierarchy_controllers(d.fd), hierarchy_controllers(root));
	OK(cgroup_remove(root, at("a/x"), c.made, &e));
	OK(cgroup_remove(root, at("b/x"), d.made, &e));
}
END_TEST

START_TEST(too_much_memory_kills_and_is_told)
{
	struct resources r = { .memory.limit = { true, 32 * MIB },
		.memory.swap = { true, 32 * MIB } };
	automatic(cgroup) struct cgroup c = make("x", &r);
	char text[CGROUP_OOM_TEXT];
	struct cgroup_stat s;
	autofd int events = -1;
	uint64_t kills;

	ck_assert_int_eq(cgroup_oom_kills(c.fd, &kills), 0);
	ck_assert_uint_eq(kills, 0);
	OK(watch_open(c.fd, "memory.events", &events, &e));
	ck_assert_int_eq(watch_value(events, "oom_kill", &kills), 0);
	pid_t pid = live_in(&c, 64 * MIB);
	ck_assert_int_eq(end_of(pid), SIGKILL);
	ck_assert_int_eq(watch_until(events, "oom_kill", 1, 10000), 0);
	ck_assert_int_eq(cgroup_oom_kills(c.fd, &kills), 0);
	ck_assert_uint_eq(kills, 1);
	/* 6.1 already has the peak. */
	ck_assert_str_eq(cgroup_oom_text(c.fd, text), "out of memory (limit 32 MiB, peak 32 MiB)");
	OK(cgroup_stat_read(c.fd, &s, &e));
	ck_assert(s.memory.max.set && s.memory.max.value == 32 * MIB);
	ck_assert(s.memory.peak.set && s.memory.peak.value <= 32 * MIB);
	ck_assert(s.memory_events.oom_kill.set && s.memory_events.oom_kill.value == 1);
	ck_assert(s.memory.current.set);
	OK(cgroup_remove(root, at("x"), 1, &e));
}
END_TEST

START_TEST(use_is_counted)
{
	struct resources r = { .memory.limit = { true, 64 * MIB }, .pids.limit = { true, 9 } };
	automatic(cgroup) struct cgroup c = make("x", &r);
	pid_t pid = live_in(&c, 8 * MIB);
	struct cgroup_stat s = { 0 };

	/* Until it has touched all of it. */
	while (s.memory.anon.value < 8 * MIB)
		OK(cgroup_stat_read(c.fd, &s, &e));
	/* The files are read one after the other: the first were before the last page. */
	OK(cgroup_stat_read(c.fd, &s, &e));
	ck_assert(s.memory.current.set && s.memory.current.value >= 8 * MIB);
	/* Small figures are told late: the kernel gathers them by the CPU. */
	ck_assert(s.memory.pagetables.set && s.memory.kernel_stack.set && s.memory.faults.set);
	ck_assert(s.pids.current.value == 1 && s.pids.max.value == 9);
	ck_assert(s.cpu.usage_usec.set);
	OK(cgroup_remove(root, at("x"), 1, &e));
	end_of(pid);
}
END_TEST

START_TEST(one_death_is_the_death_of_all)
{
	struct resources r = { .memory.limit = { true, 32 * MIB },
		.memory.swap = { true, 32 * MIB } };
	automatic(cgroup) struct cgroup c = make("x", &r);
	struct cgroup_stat s;

	OK(limits_die_together(c.fd, &e));
	pid_t small = live_in(&c, 0), large = live_in(&c, 64 * MIB);
	ck_assert_int_eq(end_of(small), SIGKILL);
	ck_assert_int_eq(end_of(large), SIGKILL);
	OK(cgroup_stat_read(c.fd, &s, &e));
	ck_assert(!s.memory_events.oom_group_kill.set || s.memory_events.oom_group_kill.value == 1);
	OK(cgroup_remove(root, at("x"), 1, &e));
}
END_TEST

START_TEST(checked_before_update)
{
	struct resources r = { .memory.limit = { true, 64 * MIB } };
	automatic(cgroup) struct cgroup c = make("x", &r);
	pid_t pid = live_in(&c, 8 * MIB);
	struct cgroup_stat s = { 0 };

	while (s.memory.anon.value < 8 * MIB)
		OK(cgroup_stat_read(c.fd, &s, &e));
	r.memory.limit.value = 4 * MIB;
	r.memory.check_before_update = (struct opt_bool){ true, true };
	ck_assert_int_eq(limits_apply(c.fd, &r, &e), -EBUSY);
	ck_assert_ptr_nonnull(strstr(e.text, "rejecting memory limit 4194304"));
	expect(c.fd, "memory.max", "67108864");
	r.memory.limit.value = 128 * MIB;
	OK(limits_apply(c.fd, &r, &e));
	expect(c.fd, "memory.max", "134217728");
	OK(cgroup_remove(root, at("x"), 1, &e));
	ck_assert_int_eq(end_of(pid), SIGKILL);
}
END_TEST

START_TEST(processes_have_a_limit)
{
	struct resources r = { .pids.limit = { true, 0 } };
	automatic(cgroup) struct cgroup c = make("x", &r);

	expect(c.fd, "pids.max", "1");
	pid_t pid = live_in(&c, 0);
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(live_in(&c, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
	r.pids.limit.value = -1;
	OK(limits_apply(c.fd, &r, &e));
	expect(c.fd, "pids.max", "max");
	OK(cgroup_remove(root, at("x"), 1, &e));
	end_of(pid);
}
END_TEST

START_TEST(cpu_time)
{
	struct resources r = { .cpu.shares = { true, 1024 }, .cpu.quota = { true, 50000 } };
	automatic(cgroup) struct cgroup c = make("x", &r);

	expect(c.fd, "cpu.weight", "100");
	expect(c.fd, "cpu.max", "50000 100000");
	/* A period alone keeps the quota, a quota alone the period. */
	r = (struct resources){ .cpu.period = { true, 200000 } };
	OK(limits_apply(c.fd, &r, &e));
	expect(c.fd, "cpu.max", "50000 200000");
	r = (struct resources){ .cpu.quota = { true, 30000 } };
	OK(limits_apply(c.fd, &r, &e));
	expect(c.fd, "cpu.max", "30000 200000");
	r = (struct resources){ .cpu.quota = { true, -1 } };
	OK(limits_apply(c.fd, &r, &e));
	expect(c.fd, "cpu.max", "max 200000");
	/* An idle group has no weight: both together must not fail, and it can come back. */
	r = (struct resources){ .cpu.idle = { true, 1 }, .cpu.shares = { true, 512 } };
	OK(limits_apply(c.fd, &r, &e));
	expect(c.fd, "cpu.idle", "1");
	r.cpu.idle.value = 0;
	OK(limits_apply(c.fd, &r, &e));
	expect(c.fd, "cpu.weight", "59");
	OK(cgroup_remove(root, at("x"), 1, &e));
}
END_TEST

START_TEST(burst_follows_the_quota_both_ways)
{
	struct resources r = { .cpu.quota = { true, 20000 }, .cpu.burst = { true, 20000 } };
	automatic(cgroup) struct cgroup c = make("x", &r);

	expect(c.fd, "cpu.max.burst", "20000");
	r.cpu.quota.value = 80000;
	r.cpu.burst.value = 70000;
	OK(limits_apply(c.fd, &r, &e));
	expect(c.fd, "cpu.max.burst", "70000");
	r.cpu.quota.value = 10000;
	r.cpu.burst.value = 5000;
	OK(limits_apply(c.fd, &r, &e));
	expect(c.fd, "cpu.max.burst", "5000");
	expect(c.fd, "cpu.max", "10000 100000");
	r.cpu.burst.value = 20000;
	ck_assert_int_eq(limits_apply(c.fd, &r, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "set 'cpu.max.burst' to '20000'"));
	OK(cgroup_remove(root, at("x"), 1, &e));
}
END_TEST

START_TEST(processes_live_at_the_end_of_paths)
{
	struct resources none = { 0 }, r = { .memory.limit = { true, 32 * MIB } };
	automatic(cgroup) struct cgroup c = make("x", &none), in = CGROUP_NONE;
	pid_t pid = live_in(&c, 0);

	ck_assert_int_eq(cgroup_make(root, at("x/in"), &r, &in, &e), -EBUSY);
	ck_assert_msg(strstr(e.text, "it has processes of its own") != NULL, "%s", e.text);
	OK(cgroup_remove(root, at("x"), 1, &e));
	end_of(pid);
}
END_TEST

/* Neither here nor in what this kernel could do, or an error that names it. */
START_TEST(cpusets_or_a_clear_word)
{
	char cpus[] = "0";
	struct resources r = { .cpu.cpus = cpus };
	automatic(cgroup) struct cgroup c = CGROUP_NONE;

	if (hierarchy_has(root, "cpuset")) {
		c = make("x", &r);
		expect(c.fd, "cpuset.cpus", "0");
		OK(cgroup_remove(root, at("x"), 1, &e));
		return;
	}
	ck_assert_int_eq(limits_check(root, &r, &e), -ERR_NO_CONTROLLER);
	ck_assert_ptr_nonnull(strstr(e.text, "the controller 'cpuset'"));
	ck_assert_int_eq(cgroup_make(root, at("x"), &r, &c, &e), -ERR_NO_CONTROLLER);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_limited");
	TCase *tcase = tcase_create("limited");
	suite_add_tcase(suite, tcase);
	const unsigned needed = CONTROLLER_MEMORY | CONTROLLER_CPU | CONTROLLER_PIDS;
	struct cgroup all = CGROUP_NONE;

	if (geteuid() != 0 || hierarchy_open(&root, &e) < 0 ||
		(hierarchy_controllers(root) & needed) != needed) {
		return unit_skip(suite, "needs root, and memory, cpu and pids in cgroup v2");
	}
	snprintf(base, sizeof(base), "/cowrun-unit-%d", (int)getpid());
	if (cgroup_make(root, base, NULL, &all, &e) < 0) {
		return unit_skip(suite, e.text);
	}
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, all_that_is_offered_is_passed_on);
	tcase_add_test(tcase, too_much_memory_kills_and_is_told);
	tcase_add_test(tcase, use_is_counted);
	tcase_add_test(tcase, one_death_is_the_death_of_all);
	tcase_add_test(tcase, checked_before_update);
	tcase_add_test(tcase, processes_have_a_limit);
	tcase_add_test(tcase, cpu_time);
	tcase_add_test(tcase, burst_follows_the_quota_both_ways);
	tcase_add_test(tcase, processes_live_at_the_end_of_paths);
	tcase_add_test(tcase, cpusets_or_a_clear_word);
	int failed = unit_run(suite);
	if (cgroup_remove(root, base, 1, &e) < 0) {
		printf("# %s\n", e.text);
		failed++;
	}
	return failed != 0;
}
