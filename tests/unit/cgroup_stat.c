/* cgroup/stat and knob: the kernel's texts, whole and damaged. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup/knob.h"
#include "cgroup/stat.h"
#include "spec/base/fd.h"
#include "tests/unit/run.h"

static struct cgroup_stat parse(const char *file, const char *text)
{
	struct cgroup_stat s = { 0 };

	cgroup_stat_parse(file, text, &s);
	return s;
}

START_TEST(numbers)
{
	uint64_t n = 5;

	ck_assert(knob_number("0\n", &n) && n == 0);
	ck_assert(knob_number("4096", &n) && n == 4096);
	ck_assert(knob_number("max\n", &n) && n == UINT64_MAX);
	ck_assert(knob_number("18446744073709551615\n", &n) && n == UINT64_MAX);
	n = 5;
	ck_assert(!knob_number("18446744073709551616\n", &n));
	ck_assert(!knob_number("", &n));
	ck_assert(!knob_number("\n", &n));
	ck_assert(!knob_number("-1", &n));
	ck_assert(!knob_number("12k", &n));
	ck_assert(!knob_number("maximum", &n));
	ck_assert(!knob_number(" 1", &n));
	ck_assert_uint_eq(n, 5);
}
END_TEST

START_TEST(keyed_values)
{
	static const char text[] = "populated 1\nfrozen 0\n";
	uint64_t n = 5;

	ck_assert(knob_value(text, "populated", &n) && n == 1);
	ck_assert(knob_value(text, "frozen", &n) && n == 0);
	n = 5;
	ck_assert(!knob_value(text, "froze", &n));
	ck_assert(!knob_value(text, "rozen", &n));
	ck_assert(!knob_value("", "frozen", &n));
	ck_assert(!knob_value("\n\n", "frozen", &n));
	ck_assert(!knob_value("frozen", "frozen", &n));
	ck_assert(!knob_value("frozen x\n", "frozen", &n));
	ck_assert_uint_eq(n, 5);
}
END_TEST

START_TEST(memory_stat_by_keys)
{
	struct cgroup_stat s =
		parse("memory.stat", "anon 4096\nfile 8192\nkernel 100\n"
				     "kernel_stack 16384\npagetables 12288\n"
				     "sec_pagetables 1\nshmem 0\nslab 7\npgfault 9\n");

	ck_assert(s.memory.anon.set && s.memory.anon.value == 4096);
	ck_assert(s.memory.file.set && s.memory.file.value == 8192);
	ck_assert(s.memory.kernel.set && s.memory.kernel.value == 100);
	ck_assert(s.memory.kernel_stack.set && s.memory.kernel_stack.value == 16384);
	ck_assert(s.memory.pagetables.set && s.memory.pagetables.value == 12288);
	ck_assert(s.memory.shmem.set && s.memory.shmem.value == 0);
	ck_assert(s.memory.slab.set && s.memory.slab.value == 7);
	ck_assert(s.memory.faults.set && s.memory.faults.value == 9);
	/* Not told is not zero. */
	ck_assert(!s.memory.sock.set && !s.memory.file_mapped.set && !s.memory.current.set);
}
END_TEST

START_TEST(events_cpu_and_single_numbers)
{
	struct cgroup_stat s = parse(
		"memory.events", "low 0\nhigh 0\nmax 31\noom 2\noom_kill 1\noom_group_kill 0\n");
	ck_assert(s.memory_events.max.value == 31 && s.memory_events.oom.value == 2);
	ck_assert(s.memory_events.oom_kill.set && s.memory_events.oom_kill.value == 1);
	ck_assert(s.memory_events.oom_group_kill.set);
	s = parse("cpu.stat", "usage_usec 12\nuser_usec 7\nsystem_usec 5\n");
	ck_assert(s.cpu.usage_usec.value == 12 && s.cpu.system_usec.value == 5);
	ck_assert(!s.cpu.periods.set);
	s = parse("memory.max", "max\n");
	ck_assert(s.memory.max.set && s.memory.max.value == UINT64_MAX);
	s = parse("pids.current", "3\n");
	ck_assert(s.pids.current.set && s.pids.current.value == 3);
}
END_TEST

START_TEST(damaged_texts_say_nothing)
{
	static const char *const texts[] = { "", "\n", "anon", "anon \n", "anon x\n", "anon -1\n",
		"anon 99999999999999999999\n", "\nanonymous 1\n", " anon 1\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct cgroup_stat s = parse("memory.stat", texts[i]);
		ck_assert_msg(!s.memory.anon.set, "'%s'", texts[i]);
	}
	struct cgroup_stat s = parse("nonesuch", "anon 1\n");
	ck_assert(!s.memory.anon.set);
	s = parse("memory.current", "12 34x\n");
	ck_assert(s.memory.current.value == 12);
}
END_TEST

/* A directory with a group's files, as far as the test wants them. */
static int fake_group(const char *const (*files)[2])
{
	static char name[] = "/dev/shm/cowrun-unit-XXXXXX";
	struct err e;

	ck_assert_ptr_nonnull(mkdtemp(name));
	int fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	for (; (*files)[0]; files++)
		ck_assert_int_eq(fd_replace_file(fd, (*files)[0], (*files)[1], strlen((*files)[1]),
					 0600, &e),
			0);
	return fd;
}

static void remove_group(int fd, const char *const (*files)[2])
{
	char link[64], name[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, name, sizeof(name) - 1);
	for (; (*files)[0]; files++)
		unlinkat(fd, (*files)[0], 0);
	close(fd);
	name[n < 0 ? 0 : n] = '\0';
	rmdir(name);
}

static void expect_oom(const char *const (*files)[2], const char *text)
{
	char out[CGROUP_OOM_TEXT];
	int fd = fake_group(files);

	cgroup_oom_text(fd, out);
	remove_group(fd, files);
	ck_assert_str_eq(out, text);
}

START_TEST(oom_says_the_limit)
{
	static const char *const usual[][2] = { { "memory.max", "33554432\n" },
		{ "memory.peak", "33554432\n" }, { 0 } };
	expect_oom(usual, "out of memory (limit 32 MiB, peak 32 MiB)");
}
END_TEST

START_TEST(oom_without_a_peak)
{
	static const char *const old[][2] = { { "memory.max", "1572864\n" }, { 0 } };
	expect_oom(old, "out of memory (limit 1.5 MiB)");
}
END_TEST

START_TEST(oom_of_another_limit)
{
	static const char *const above[][2] = { { "memory.max", "max\n" },
		{ "memory.peak", "4096\n" }, { 0 } };
	expect_oom(above, "out of memory (no limit of its own, peak 4 KiB)");
}
END_TEST

START_TEST(oom_where_nothing_is_told)
{
	static const char *const none[][2] = { { 0 } };
	expect_oom(none, "out of memory");
}
END_TEST

START_TEST(a_group_without_controllers)
{
	static const char *const files[][2] = { { "cpu.stat", "usage_usec 5\n" }, { 0 } };
	struct cgroup_stat s;
	struct err e;
	uint64_t kills;
	int fd = fake_group(files);

	int r = cgroup_stat_read(fd, &s, &e), k = cgroup_oom_kills(fd, &kills);
	remove_group(fd, files);
	ck_assert_int_eq(r, 0);
	ck_assert(s.cpu.usage_usec.set && s.cpu.usage_usec.value == 5);
	ck_assert(!s.memory.current.set && !s.pids.current.set);
	ck_assert_int_eq(k, -ENOENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_stat");
	TCase *tcase = tcase_create("stat");

	tcase_add_test(tcase, numbers);
	tcase_add_test(tcase, keyed_values);
	tcase_add_test(tcase, memory_stat_by_keys);
	tcase_add_test(tcase, events_cpu_and_single_numbers);
	tcase_add_test(tcase, damaged_texts_say_nothing);
	tcase_add_test(tcase, oom_says_the_limit);
	tcase_add_test(tcase, oom_without_a_peak);
	tcase_add_test(tcase, oom_of_another_limit);
	tcase_add_test(tcase, oom_where_nothing_is_told);
	tcase_add_test(tcase, a_group_without_controllers);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
