/* Readings of processes that change meanwhile, and the several ways to read the same. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "cgroup/pagemap.h"
#include "tests/unit/measure.h"
#include "tests/unit/run.h"

/* Writes one page for each command, always a new one. */
static void write_next(void *context, char command)
{
	char **memory = context;

	if (command == 'w') {
		**memory = 1;
		*memory += PAGE;
	}
}

/* Hands out pids and, when asked again after the first reading, lets something happen. */
struct mover {
	struct child child;
	pid_t stranger;
	unsigned n_calls, first, last; /* calls in which it happens */
	bool kills;
	bool adds; /* lists the stranger too */
};

static int list_moving(void *context, size_t at, pid_t **ret_pids, size_t *ret_n, struct err *e)
{
	struct mover *m = context;

	(void)e;
	(void)at;
	m->n_calls++;
	bool now = m->n_calls >= m->first && m->n_calls <= m->last;
	if (now && m->kills)
		child_stop(&m->child);
	else if (now && !m->adds)
		child_tell(&m->child, 'w');
	*ret_pids = malloc(2 * sizeof(pid_t));
	(*ret_pids)[0] = at == 0 ? getpid() : m->child.pid;
	(*ret_pids)[1] = m->stranger;
	*ret_n = 1 + (now && m->adds);
	return 0;
}

/*
 * Two things: ourselves, frozen or so they say, and the child. Calls 1 and 2 list them before the
 * first reading; call 3 is at the check of the first, when the second has been read and not
 * checked.
 */
static struct census take_moving(struct mover *m)
{
	struct census_thing things[] = { { .name = "first" }, { .name = "second" } };
	struct census_options options = { .list = list_moving, .context = m };
	char *memory = memory_of(MIB);

	m->child = child_start(write_next, &memory);
	return take_with(things, 2, &options);
}

START_TEST(a_change_meanwhile_is_read_again)
{
	struct mover once = { .first = 3, .last = 3 };
	char *memory = memory_of(MIB);

	if (!is_told())
		return;
	(void)memory;
	struct census c = take_moving(&once);
	ck_assert_uint_eq(c.n_passes, 2);
	ck_assert_uint_eq(c.usages[1].processes, 1);
	child_stop(&once.child);
	census_done(&c);
}
END_TEST

START_TEST(a_change_in_every_reading_is_said)
{
	struct mover always = { .first = 3, .last = 99 };

	if (!is_told())
		return;
	struct census c = take_moving(&always);
	ck_assert_uint_eq(c.n_passes, 2);
	ck_assert(!c.exact);
	ck_assert_ptr_nonnull(strstr(c.why, "changed while being read"));
	child_stop(&always.child);
	census_done(&c);
}
END_TEST

START_TEST(an_exit_meanwhile_is_read_again)
{
	struct mover dies = { .first = 3, .last = 3, .kills = true };

	if (!is_told())
		return;
	struct census c = take_moving(&dies);
	ck_assert_uint_eq(c.n_passes, 2);
	ck_assert_uint_eq(c.usages[1].processes, 0);
	ck_assert_uint_eq(c.usages[1].unique.value, 0);
	ck_assert_uint_eq(c.n_gone, 1);
	census_done(&c);
}
END_TEST

START_TEST(a_birth_meanwhile_is_read_again)
{
	struct child stranger = child_start(nothing, NULL);
	struct mover adds = { .first = 4, .last = 99, .adds = true, .stranger = stranger.pid };

	if (!is_told())
		return;
	struct census c = take_moving(&adds);
	ck_assert_uint_eq(c.n_passes, 2);
	ck_assert_uint_eq(c.usages[1].processes, 2);
	child_stop(&adds.child);
	child_stop(&stranger);
	census_done(&c);
}
END_TEST

START_TEST(the_dead_do_no_harm)
{
	struct child alive = child_start(nothing, NULL), dead = child_start(nothing, NULL);
	struct child zombie = child_start(nothing, NULL);
	siginfo_t info;

	if (!is_told())
		return;
	child_stop(&dead);
	kill(zombie.pid, SIGKILL);
	waitid(P_PID, (id_t)zombie.pid, &info, WEXITED | WNOWAIT);
	pid_t pids[] = { dead.pid, alive.pid, zombie.pid, -1, 0, 1 << 30 };
	struct census_thing t = thing("some", pids, 6);
	struct census c = take_still(&t, 1);
	ck_assert_uint_eq(c.usages[0].processes, 1);
	ck_assert_uint_eq(c.n_passes, 1);
	child_stop(&alive);
	child_stop(&zombie);
	census_done(&c);
}
END_TEST

/* Its memory comes and goes as fast as it can. */
static void churn(char *memory)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		madvise(memory, MIB, MADV_DONTNEED);
		for (size_t i = 0; i < MIB; i += PAGE)
			memory[i] = 1;
	}
}

START_TEST(a_busy_process_is_never_silently_wrong)
{
	char *memory = memory_of(MIB);
	pid_t pid = fork();

	if (pid == 0)
		churn(memory);
	struct census_thing t = thing("busy", &pid, 1);
	for (size_t i = 0; i < 10 && is_told(); i++) {
		struct census c = take_with(&t, 1, NULL);
		if (!c.exact) {
			ck_assert_ptr_nonnull(c.why);
			ck_assert_uint_eq(c.n_passes, 2);
		}
		ck_assert_uint_eq(c.usages[0].unique.value,
			c.usages[0].private.value + c.usages[0].shared.value);
		census_done(&c);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

/* One page in each of these: the reservation around them is nothing. */
static void touch_few(void *context, char command)
{
	char *memory = context;

	for (size_t i = 0; command == 't' && i < 10; i++)
		memory[i * 10 * 1024 * MIB] = 1;
}

/* Before 6.7 there is only so much that can be done. */
static bool scans(void)
{
	autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	automatic(pagemap) struct pagemap p = { 0 };
	struct err e;

	return pagemap_init(&p, proc, &e) == 0 && p.scans;
}

START_TEST(work_follows_resident_pages)
{
	struct child child = child_start(touch_few, memory_of(100 * 1024 * MIB));
	struct census_thing t = thing("sparse", &child.pid, 1);

	if (!is_told())
		return;
	struct census before = take_still(&t, 1);
	child_tell(&child, 't');
	struct census after = take_still(&t, 1);
	ck_assert_uint_eq(anon_of(&after.usages[0]) - anon_of(&before.usages[0]), 10 * PAGE);
	if (scans())
		ck_assert_uint_lt(after.n_read, 50000);
	census_done(&before);
	census_done(&after);
	child_stop(&child);
}
END_TEST

/* What no other process of this machine can change: kinds that only we map. */
static void compare_usages(const struct census *a, const struct census *b)
{
	for (size_t i = 0; i < a->n_usages; i++) {
		const struct memory_usage *x = &a->usages[i], *y = &b->usages[i];
		ck_assert_uint_eq(x->unique.value, y->unique.value);
		ck_assert_uint_eq(x->page_tables.value, y->page_tables.value);
		ck_assert_mem_eq(&x->kinds->anon, &y->kinds->anon, sizeof(x->kinds->anon));
		ck_assert_mem_eq(&x->kinds->shmem, &y->kinds->shmem, sizeof(x->kinds->shmem));
		for (size_t j = 0; j < a->n_usages; j++)
			ck_assert_uint_eq(
				census_shared(a, i, j).value, census_shared(b, i, j).value);
	}
	ck_assert_uint_eq(a->union_bytes.value, b->union_bytes.value);
}

START_TEST(all_ways_lead_to_the_same_figures)
{
	char *memory = memory_of(100 * 1024 * MIB);
	struct child children[3];
	struct census_thing things[3];
	static const struct census_options ways[] = {
		{ .without_scan = true },
		{ .without_counts = true },
		{ .without_scan = true, .without_counts = true },
	};

	if (!is_told() || !is_small())
		return;
	for (size_t i = 0; i < 3; i++) {
		children[i] = child_start(touch_few, memory);
		child_tell(&children[i], i ? 't' : 'h');
		memory[(i + 20) * MIB] = 1; /* what later ones inherit */
		things[i] = thing("c", &children[i].pid, 1);
	}
	struct census usual = take_still(things, 3);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct census other = take_with(things, 3, &ways[i]);
		compare_usages(&usual, &other);
		census_done(&other);
	}
	census_done(&usual);
	for (size_t i = 0; i < 3; i++)
		child_stop(&children[i]);
}
END_TEST

/* Another process in the same address space, as vfork makes them. */
static int wait_in_the_same_space(void *context)
{
	(void)context;
	for (;;)
		pause();
	return 0;
}

static void wait_until_asleep(pid_t pid)
{
	char name[32], state = 0;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	while (state != 'S') {
		FILE *f = fopen(name, "r");
		ck_assert_ptr_nonnull(f);
		ck_assert_int_eq(fscanf(f, "%*d %*s %c", &state), 1);
		fclose(f);
		sched_yield();
	}
}

/* Two processes in one address space, with a MiB of their own. */
static void start_twins(pid_t pids[2])
{
	static char stack[65536] __attribute__((aligned(16)));

	pids[0] = fork();
	if (pids[0] == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		touch(memory_of(MIB), MIB);
		pid_t twin = clone(
			wait_in_the_same_space, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
		siginfo_t info;
		waitid(P_PID, (id_t)twin, &info, WEXITED | WNOWAIT);
		_exit(0);
	}
	char name[64];
	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", pids[0], pids[0]);
	for (pids[1] = 0; pids[1] == 0; sched_yield()) {
		FILE *f = fopen(name, "r");
		if (!f || fscanf(f, "%d", &pids[1]) != 1)
			pids[1] = 0;
		if (f)
			fclose(f);
	}
	wait_until_asleep(pids[0]);
	wait_until_asleep(pids[1]);
}

static void stop_twins(const pid_t pids[2])
{
	kill(pids[1], SIGKILL);
	kill(pids[0], SIGKILL);
	waitpid(pids[0], NULL, 0);
}

START_TEST(an_address_space_counts_once)
{
	pid_t pids[2];

	if (!is_told())
		return;
	start_twins(pids);
	struct census_thing one = thing("one", pids, 1), both = thing("both", pids, 2);
	struct census c = take_still(&one, 1), d = take_still(&both, 1);
	ck_assert_uint_eq(d.usages[0].processes, 2);
	ck_assert_uint_eq(c.usages[0].page_tables.value, d.usages[0].page_tables.value);
	ck_assert_uint_eq(anon_of(&c.usages[0]), anon_of(&d.usages[0]));
	ck_assert_uint_eq(d.usages[0].kernel_stacks.value, 2 * c.usages[0].kernel_stacks.value);
	stop_twins(pids);
	census_done(&c);
	census_done(&d);
}
END_TEST

/* Exact: others that have the same libraries may come or go, so it may be asked again. */
static struct census take_exact(
	const struct census_thing *things, size_t n, const struct census_options *options)
{
	for (int tries = 0;; tries++) {
		struct census c = take_with(things, n, options);
		if (c.exact)
			return c;
		ck_assert_msg(tries < 10, "%s", c.why);
		census_done(&c);
	}
}

START_TEST(an_address_space_of_two_things_is_shared)
{
	static const struct census_options details = { .details = CENSUS_PROCESSES };
	pid_t pids[2];

	if (!is_told())
		return;
	start_twins(pids);
	struct census_thing things[] = { thing("one", pids, 1), thing("other", pids + 1, 1) };
	struct census c = take_exact(things, 2, &details);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_ge(c.usages[i].kinds->anon.shared_bytes, MIB);
		ck_assert_uint_eq(c.usages[i].private.value, 0);
		ck_assert_uint_eq(c.usages[i].unique.value, c.union_bytes.value);
		ck_assert_uint_eq(c.processes[i].private.value, 0);
	}
	ck_assert_uint_eq(census_shared(&c, 0, 1).value, c.union_bytes.value);
	stop_twins(pids);
	census_done(&c);
}
END_TEST

START_TEST(an_address_space_of_the_host_too_is_shared)
{
	static const struct census_options host = { .host = true };
	struct census c;
	struct err e;
	pid_t pids[2];

	if (!is_told() || !is_small())
		return;
	start_twins(pids);
	struct census_thing one = thing("one", pids, 1);
	ck_assert_msg(census_take(&one, 1, &host, &c, &e) == 0, "%s", e.text);
	ck_assert_uint_ge(c.usages[0].kinds->anon.shared_bytes, MIB);
	ck_assert_uint_eq(c.usages[0].private.value, 0);
	ck_assert_uint_eq(census_shared(&c, 0, 1).value, c.usages[0].unique.value);
	stop_twins(pids);
	census_done(&c);
}
END_TEST

START_TEST(a_process_may_be_of_two_things)
{
	struct child child = child_start(nothing, NULL);
	struct census_thing things[] = { thing("outer", &child.pid, 1),
		thing("inner", &child.pid, 1) };

	if (!is_told())
		return;
	struct census c = take_still(things, 2);
	ck_assert_uint_eq(c.usages[0].unique.value, c.usages[1].unique.value);
	ck_assert_uint_eq(census_shared(&c, 0, 1).value, c.usages[0].unique.value);
	ck_assert_uint_eq(c.usages[0].private.value, 0);
	ck_assert_uint_eq(c.n_passes, 1);
	child_stop(&child);
	census_done(&c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_reading");
	TCase *tests = tcase_create("reading");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_change_meanwhile_is_read_again);
	tcase_add_test(tests, a_change_in_every_reading_is_said);
	tcase_add_test(tests, an_exit_meanwhile_is_read_again);
	tcase_add_test(tests, a_birth_meanwhile_is_read_again);
	tcase_add_test(tests, the_dead_do_no_harm);
	tcase_add_test(tests, a_busy_process_is_never_silently_wrong);
	tcase_add_test(tests, work_follows_resident_pages);
	tcase_add_test(tests, all_ways_lead_to_the_same_figures);
	tcase_add_test(tests, an_address_space_counts_once);
	tcase_add_test(tests, an_address_space_of_two_things_is_shared);
	tcase_add_test(tests, an_address_space_of_the_host_too_is_shared);
	tcase_add_test(tests, a_process_may_be_of_two_things);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
