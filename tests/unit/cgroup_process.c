/* /proc/PID as numbers: names cannot confuse the readers. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "cgroup/process.h"
#include "spec/base/own.h"
#include "tests/unit/child.h"
#include "tests/unit/run.h"

#define STAT_TAIL                                                                                  \
	"S 1 2 3 34816 -1 4194560 1000 7 20 9 1 2 3 4 20 0 5 0 987654 104857600 2560 "             \
	"18446744073709551615 4096 8192 140000000 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 1 2 555 4 5 6 " \
	"7 0\n"

START_TEST(stat_is_read_after_the_name)
{
	static const char *const names[] = { "(cat)", "(a b c)", "()", "(a) R 1 2 3)", "(\n)",
		"()))))))))))))))" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[512];
		struct process_stat stat;
		snprintf(text, sizeof(text), "42 %s " STAT_TAIL, names[i]);
		ck_assert(process_parse_stat(text, &stat));
		ck_assert_uint_eq(stat.parent, 1);
		ck_assert_uint_eq(stat.faults, 1020);
		ck_assert_uint_eq(stat.threads, 5);
		ck_assert_uint_eq(stat.start, 987654);
		ck_assert_uint_eq(stat.size, 104857600);
		ck_assert_uint_eq(stat.resident, 2560);
		ck_assert_uint_eq(stat.code, 4096);
		ck_assert_uint_eq(stat.stack, 140000000);
		ck_assert_uint_eq(stat.brk, 555);
		ck_assert(!stat.zombie);
	}
}
END_TEST

START_TEST(what_is_no_stat_is_refused)
{
	static const char *const texts[] = { "", "42", "42 (cat", "42 (cat)", "42 (cat) ",
		"42 (cat) S 1 2 3", "42 (cat) S 1 2 x 4 5 6 7 8" };
	struct process_stat stat = { .faults = 99 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(!process_parse_stat(texts[i], &stat), "'%s'", texts[i]);
	ck_assert_uint_eq(stat.faults, 99);
}
END_TEST

START_TEST(status_keys_stand_at_the_beginning_of_a_line)
{
	struct process_memory memory;

	ck_assert(process_parse_memory("Name:\tVmPTE: 1 kB RssAnon: 2 kB\nUmask:\t0022\n"
				       "RssAnon:\t     300 kB\nVmPTE:\t      44 kB\n",
		&memory));
	ck_assert_uint_eq(memory.page_tables, 44 << 10);
	ck_assert_uint_eq(memory.anon, 300 << 10);
	ck_assert_uint_eq(memory.swap, 0);
	ck_assert(!process_parse_memory("Name:\tkthreadd\nThreads:\t1\n", &memory));
}
END_TEST

START_TEST(rollup_sums_are_found)
{
	struct process_rollup rollup;

	ck_assert(process_parse_rollup("00400000-7ffd00000000 ---p 00000000 00:00 0 [rollup]\n"
				       "Rss:                 900 kB\nPss:                 500 kB\n"
				       "Pss_Dirty:            50 kB\nPrivate_Clean:        30 kB\n"
				       "Private_Dirty:         7 kB\n",
		&rollup));
	ck_assert_uint_eq(rollup.rss, 900 << 10);
	ck_assert_uint_eq(rollup.pss, 500 << 10);
	ck_assert_uint_eq(rollup.uss, 37 << 10);
	ck_assert(!process_parse_rollup("", &rollup));
}
END_TEST

static void rename_itself(void *context, char command)
{
	(void)context;
	(void)command;
	prctl(PR_SET_NAME, "x) R 0\nVmPTE: 9");
}

START_TEST(a_living_process_of_a_hostile_name_is_read)
{
	autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct child child = child_start(rename_itself, NULL);
	autofd int dir = process_open(proc, child.pid);
	struct process_stat stat;
	struct process_memory memory;

	ck_assert_int_eq(process_read_stat(dir, &stat), 0);
	ck_assert(!stat.zombie);
	ck_assert_uint_eq(stat.threads, 1);
	ck_assert_uint_ge(stat.size, stat.resident * (uint64_t)sysconf(_SC_PAGESIZE));
	ck_assert_int_eq(process_read_memory(dir, &memory), 0);
	ck_assert_uint_ge(memory.page_tables, 4096);
	child_stop(&child);
	ck_assert_int_eq(process_read_stat(dir, &stat), -ESRCH);
	ck_assert_int_eq(process_read_memory(dir, &memory), -ESRCH);
}
END_TEST

START_TEST(a_zombie_is_told)
{
	autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct child child = child_start(rename_itself, NULL);
	autofd int dir = process_open(proc, child.pid);
	struct process_stat stat;
	struct process_memory memory;
	siginfo_t info;

	kill(child.pid, SIGKILL);
	waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT);
	ck_assert_int_eq(process_read_stat(dir, &stat), 0);
	ck_assert(stat.zombie);
	ck_assert_int_eq(process_read_memory(dir, &memory), -ESRCH);
	child_stop(&child);
}
END_TEST

static void *stay(void *nothing)
{
	for (;;)
		pause();
	return nothing;
}

static void leave_a_thread(void *context, char command)
{
	pthread_t thread;

	(void)context;
	if (command != 'e')
		return;
	pthread_create(&thread, NULL, stay, NULL);
	syscall(SYS_exit, 0);
}

START_TEST(a_process_outlives_its_first_thread)
{
	autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct child child = child_start(leave_a_thread, NULL);
	autofd int dir = process_open(proc, child.pid);
	struct process_stat before, stat;
	struct process_memory memory;

	ck_assert_int_eq(process_read_stat(dir, &before), 0);
	ck_assert_int_eq(before.thread, 0);
	ck_assert_int_eq(write(child.to, "e", 1), 1);
	do {
		sched_yield();
		ck_assert_int_eq(process_read_stat(dir, &stat), 0);
		ck_assert(!stat.zombie);
	} while (!stat.leaderless);
	ck_assert_int_gt(stat.thread, 0);
	ck_assert_int_ne(stat.thread, child.pid);
	ck_assert_uint_eq(stat.start, before.start);
	ck_assert_uint_eq(stat.stack, before.stack);
	ck_assert_uint_ge(stat.size, before.size);
	ck_assert_int_eq(process_read_memory(dir, &memory), -ESRCH);
	ck_assert_int_eq(process_read_stat_of(proc, child.pid, &stat), 0);
	ck_assert(!stat.zombie);
	autofd int thread = process_open_memory(proc, child.pid, &stat);
	ck_assert_int_eq(process_read_memory(thread, &memory), 0);
	ck_assert_uint_ge(memory.anon, 4096);
	child_stop(&child);
	ck_assert_int_eq(process_read_stat(dir, &stat), -ESRCH);
	ck_assert_int_eq(process_read_memory(thread, &memory), -ESRCH);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_process");
	TCase *tests = tcase_create("process");

	tcase_add_test(tests, stat_is_read_after_the_name);
	tcase_add_test(tests, what_is_no_stat_is_refused);
	tcase_add_test(tests, status_keys_stand_at_the_beginning_of_a_line);
	tcase_add_test(tests, rollup_sums_are_found);
	tcase_add_test(tests, a_living_process_of_a_hostile_name_is_read);
	tcase_add_test(tests, a_zombie_is_told);
	tcase_add_test(tests, a_process_outlives_its_first_thread);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
