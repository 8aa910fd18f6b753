/* cgroup/family: a process and its descendants, and nobody else. */
#include <check.h>
#include <fcntl.h>
#include <stdint.h>

#include "cgroup/family.h"
#include "cgroup/process.h"
#include "tests/unit/child.h"
#include "tests/unit/run.h"

/* A process that has one child for each command, and so has that one, ... */
static void breed(void *context, char command)
{
	int *depth = context;

	if (command != 'b' || --*depth < 0)
		return;
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		breed(context, command);
		for (;;)
			pause();
	}
}

static size_t count(pid_t first, uint64_t start, pid_t without)
{
	automatic(families) struct families f = { 0 };
	autofree pid_t *pids = NULL;
	size_t n = 0;
	struct err e = { 0 };

	ck_assert_msg(families_read(&f, &e) == 0, "%s", e.text);
	ck_assert_int_eq(families_list(&f, first, start, without, &pids, &n, &e), 0);
	for (size_t i = 1; i < n; i++)
		ck_assert_int_lt(pids[i - 1], pids[i]);
	return n;
}

START_TEST(descendants_of_all_generations)
{
	int depth = 3;
	struct child c = child_start(breed, &depth);

	ck_assert_uint_eq(count(c.pid, 0, 0), 1);
	child_tell(&c, 'b');
	/* The grandchildren are made by the children, when they come to it. */
	while (count(c.pid, 0, 0) < 4)
		usleep(1000);
	ck_assert_uint_eq(count(c.pid, 0, 0), 4);
	size_t ours = count(getpid(), 0, 0);
	ck_assert_uint_eq(count(getpid(), 0, c.pid), ours - 4);
	ck_assert_uint_eq(count(c.pid, 0, c.pid), 0);
	child_stop(&c);
}
END_TEST

START_TEST(another_process_of_the_same_pid_is_none)
{
	struct process_stat stat;
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_eq(process_read_stat_of(proc, getpid(), &stat), 0);
	ck_assert_uint_eq(stat.parent, (uint64_t)getppid());
	ck_assert_uint_ge(count(getpid(), stat.start, 0), 1);
	ck_assert_uint_eq(count(getpid(), stat.start + 1, 0), 0);
	ck_assert_uint_eq(count(INT32_MAX, 0, 0), 0);
	close(proc);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_family");
	TCase *tests = tcase_create("family");

	tcase_add_test(tests, descendants_of_all_generations);
	tcase_add_test(tests, another_process_of_the_same_pid_is_none);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
