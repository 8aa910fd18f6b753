/*
 * Pages that were swapped out: a slot counts once for a thing, and is shared like a frame. A host's
 * swap is its own affair, so this runs where there is some: tests/cli/mem_swap.bats, in the guest.
 */
#include <fcntl.h>
#include <string.h>

#include "tests/unit/measure.h"
#include "tests/unit/run.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define BYTES (256 * PAGE)

/* The first has memory, of which it pushes out what goes, and then forks the second. */
struct pair {
	char *memory;
	struct child second;
	pid_t *pids; /* shared with us */
};

/* What is written gives its slot back; what is only read keeps it. */
static void write_half(void *context, char command)
{
	const struct pair *p = context;

	touch(p->memory, command == 'w' ? BYTES / 2 : 0);
}

static void push_out(void *context, char command)
{
	struct pair *p = context;

	if (command == 'f') {
		p->memory = memory_of(BYTES);
		for (size_t i = 0; i < BYTES; i++)
			p->memory[i] = (char)(i * 7 + i / PAGE);
		madvise(p->memory, BYTES, MADV_PAGEOUT);
		p->second = child_start(write_half, p);
		p->pids[1] = p->second.pid;
	} else if (p->memory) {
		child_tell(&p->second, command);
	}
}

static uint64_t slots_of(pid_t pid)
{
	char name[64], line[256];
	unsigned long kib = 0;

	snprintf(name, sizeof(name), "/proc/%d/status", pid);
	FILE *status = fopen(name, "re");
	ck_assert_ptr_nonnull(status);
	while (fgets(line, sizeof(line), status))
		sscanf(line, "VmSwap: %lu", &kib);
	fclose(status);
	return kib << 10;
}

static struct pair pair_start(struct still *ret)
{
	struct pair p = { .pids = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0) };

	ck_assert_ptr_ne(p.pids, MAP_FAILED);
	*ret = still_start(push_out, &p);
	child_tell(&ret->child, 'f');
	p.pids[0] = ret->child.pid;
	return p;
}

static void check_slots(const struct pair *p)
{
	static const struct census_options details = { .details = CENSUS_PROCESSES };
	uint64_t all = slots_of(p->pids[0]), half = slots_of(p->pids[1]);
	struct census_thing both = thing("both", p->pids, 2);
	struct census_thing apart[] = { thing("first", &p->pids[0], 1),
		thing("second", &p->pids[1], 1) };
	struct census one = take_with(&both, 1, &details), two = take_with(apart, 2, NULL);
	struct census alone = take_with(apart, 1, NULL);

	ck_assert_uint_ge(all, BYTES / 2);
	ck_assert_uint_ge(all, half);
	/* The second has none that the first has not. */
	ck_assert_uint_eq(one.usages[0].swap.value, all);
	ck_assert_uint_eq(one.usages[0].swap_private.value, all);
	ck_assert_uint_eq(one.usages[0].swap_shared.value, 0);
	ck_assert_uint_eq(one.processes[0].swap.value, all);
	ck_assert_uint_eq(one.processes[1].swap.value, half);
	ck_assert_uint_eq(two.usages[0].swap.value, all);
	ck_assert_uint_eq(two.usages[0].swap_private.value, all - half);
	ck_assert_uint_eq(two.usages[0].swap_shared.value, half);
	ck_assert_uint_eq(two.usages[1].swap.value, half);
	ck_assert_uint_eq(two.usages[1].swap_private.value, 0);
	/* The second is of no thing now: it is read for its slots all the same. */
	ck_assert_uint_eq(alone.usages[0].swap_private.value, all - half);
	ck_assert_uint_eq(alone.usages[0].swap_shared.value, half);
	census_done(&one);
	census_done(&two);
	census_done(&alone);
}

START_TEST(slots_count_once_and_are_shared_like_frames)
{
	struct still first;

	if (!is_told())
		return;
	struct pair p = pair_start(&first);
	check_slots(&p);
	child_tell(&first.child, 'w');
	ck_assert_uint_lt(slots_of(p.pids[1]), slots_of(p.pids[0]));
	check_slots(&p);
	still_stop(&first);
	munmap(p.pids, PAGE);
}
END_TEST

static bool has_swap(void)
{
	char line[256] = "";
	FILE *swaps = fopen("/proc/swaps", "re");

	/* The second line is the first device. */
	bool has = swaps && fgets(line, sizeof(line), swaps) && fgets(line, sizeof(line), swaps);
	if (swaps)
		fclose(swaps);
	return has;
}

int main(void)
{
	Suite *suite = suite_create("cgroup_census_swap");

	if (!has_swap())
		return unit_skip(suite, "no swap here");
	TCase *tests = tcase_create("swap");
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, slots_count_once_and_are_shared_like_frames);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
