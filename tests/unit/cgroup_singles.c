/* Single processes of invented pages: what a thing can do to our memory, and to what is said of others. */
#include "cgroup/singles.h"

#include <check.h>
#include <stdlib.h>

#include "tests/unit/run.h"

#define PAGE ((uint64_t)sysconf(_SC_PAGESIZE))

static int look(void *context, uint64_t first, size_t n, struct frame_fact *facts, struct err *e)
{
	(void)context, (void)first, (void)e;
	for (size_t i = 0; i < n; i++)
		facts[i] = (struct frame_fact){ .kind = FRAME_SHMEM, .mappings = FRAMES_UNKNOWN };
	return 0;
}

static void add(struct singles *s, struct frames *f, size_t thing, pid_t pid,
	const uint64_t *frames, size_t n)
{
	struct process_stat stat = { .threads = 1 };
	struct process_memory memory = { 0 };
	struct pagemap_pages pages = { .frames = frames, .n_frames = n };
	struct err e;

	ck_assert_int_eq(singles_begin(s, thing, pid, false, &stat, &memory), 0);
	ck_assert_int_eq(singles_add(s, &pages, &e), 0);
	ck_assert_int_eq(frames_add(f, (uint32_t)thing, false, frames, n, &e), 0);
}

/* Process p maps the pages whose numbers have bit p: all sets that there are. */
static void add_all_sets(struct singles *s, struct frames *f, size_t thing, unsigned n)
{
	uint64_t *frames = malloc(sizeof(*frames) << n);

	for (unsigned p = 0; p < n; p++) {
		size_t n_frames = 0;
		for (uint64_t i = 0; i < 1ULL << n; i++)
			if (i >> p & 1)
				frames[n_frames++] = i;
		add(s, f, thing, (pid_t)(1000 * (thing + 1) + p), frames, n_frames);
	}
	free(frames);
}

/* Frame 3 is of early processes of the thing before, 1 << 17 of the last one. */
START_TEST(sharing_in_too_many_ways_is_not_told)
{
	static const uint64_t other[] = { 3, 1 << 17, 1 << 20 };
	automatic(singles) struct singles s;
	automatic(frames) struct frames f;
	autofree struct census_process *processes = NULL;
	size_t n;
	struct err e;

	singles_init(&s);
	frames_init(&f);
	add_all_sets(&s, &f, 0, 18);
	ck_assert_uint_le(s.frames.n_sets, 3 * SINGLES_SETS_MAX);
	add(&s, &f, 1, 5000, other, 3);
	ck_assert_int_eq(frames_settle(&f, FRAMES_NO_HOST, look, NULL, &e), 0);
	ck_assert_int_eq(singles_fill(&s, &f, &processes, &n, &e), 0);
	ck_assert_uint_eq(n, 19);
	for (size_t i = 0; i < 18; i++)
		ck_assert(!processes[i].unique.set && !processes[i].private.set);
	ck_assert_uint_eq(processes[18].unique.value, 3 * PAGE);
	ck_assert_uint_eq(processes[18].private.value, PAGE);
	ck_assert_uint_eq(processes[18].shared.value, 2 * PAGE);
	for (size_t i = 0; i < n; i++)
		free(processes[i].command);
}
END_TEST

START_TEST(too_many_in_all_are_no_error)
{
	automatic(singles) struct singles s;
	automatic(frames) struct frames f;
	autofree struct census_process *processes = NULL;
	size_t n;
	struct err e;

	singles_init(&s);
	frames_init(&f);
	s.frames.sets_max = 1024;
	add_all_sets(&s, &f, 0, 12);
	ck_assert_int_eq(frames_settle(&f, FRAMES_NO_HOST, look, NULL, &e), 0);
	ck_assert_int_eq(singles_fill(&s, &f, &processes, &n, &e), 0);
	ck_assert_uint_eq(n, 12);
	for (size_t i = 0; i < n; i++) {
		ck_assert(!processes[i].unique.set && processes[i].threads == 1);
		free(processes[i].command);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_singles");
	TCase *tests = tcase_create("singles");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, sharing_in_too_many_ways_is_not_told);
	tcase_add_test(tests, too_many_in_all_are_no_error);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
