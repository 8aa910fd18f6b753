/* The census of real processes: what they did to their memory is known to the page. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cgroup/census.h"
#include "tests/unit/child.h"

#define MIB ((uint64_t)1 << 20)
#define PAGE ((uint64_t)sysconf(_SC_PAGESIZE))

static char *memory_of(size_t bytes)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	return memory;
}

static struct census_thing thing(const char *name, const pid_t *pids, size_t n)
{
	return (struct census_thing){ .name = name, .pids = pids, .n_pids = n };
}

static struct census take_with(
	const struct census_thing *things, size_t n, const struct census_options *options)
{
	struct census c = { 0 };
	struct err e = { 0 };

	ck_assert_msg(census_take(things, n, options, &c, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(c.n_usages, n);
	return c;
}

/* Frames cannot be read everywhere that tests run; then there is nothing exact to test. */
static bool is_told(void)
{
	struct census c = take_with(NULL, 0, NULL);
	bool told = !c.estimated;

	census_done(&c);
	if (!told)
		puts("# skip: page frames are not told here (no CAP_SYS_ADMIN)");
	return told;
}

/* Under ASan every process has 20 TiB of shadow, too much to read by mappings. */
static bool is_small(void)
{
#ifdef __SANITIZE_ADDRESS__
	puts("# skip: too much address space under ASan");
	return false;
#else
	return true;
#endif
}

/* Of processes that are still: whatever else this machine does, they have not changed. */
static struct census take_still(const struct census_thing *things, size_t n)
{
	struct census c = take_with(things, n, NULL);

	ck_assert_msg(c.exact || strstr(c.why, "moved"), "%s", c.why ? c.why : "");
	for (size_t i = 0; i < n; i++) {
		const struct memory_usage *u = &c.usages[i];
		ck_assert(u->unique.set && u->private.set && u->shared.set && u->cost.set);
		ck_assert_uint_eq(u->unique.value, u->private.value + u->shared.value);
		ck_assert_uint_le(u->unique.value, c.union_bytes.value);
		ck_assert_uint_ge(u->cost.value, u->private.value + u->kernel.value);
	}
	return c;
}

static void nothing(void *context, char command)
{
	(void)context;
	(void)command;
}

/* A function of ours and not memset(): the code page that it is on is mapped by the first call. */
static void touch(volatile char *memory, size_t bytes)
{
	size_t page = PAGE; /* also when there is nothing to touch: libc has pages too */

	for (size_t i = 0; i < bytes; i += page)
		memory[i] = 2;
}

static uint64_t anon_of(const struct memory_usage *u)
{
	return u->kinds->anon.private_bytes + u->kinds->anon.shared_bytes;
}

#define TREE_BYTES (64 * MIB)
#define TREE_CHILDREN 3

struct tree {
	char *memory;
	size_t index;
	struct child children[TREE_CHILDREN];
	pid_t *pids; /* shared with us */
};

static void write_quarter(void *context, char command)
{
	struct tree *t = context;

	touch(t->memory + t->index * (TREE_BYTES / 4), command == 'w' ? TREE_BYTES / 4 : 0);
}

/*
 * The one that has the memory, and forks. It does not write between two readings, as the test
 * itself does: what a parent writes to makes the old page private to its child.
 */
static void grow_tree(void *context, char command)
{
	struct tree *t = context;

	if (command == 'f') {
		t->memory = memory_of(TREE_BYTES);
		touch(t->memory, TREE_BYTES);
		for (t->index = 0; t->index < TREE_CHILDREN; t->index++) {
			t->children[t->index] = child_start(write_quarter, t);
			t->pids[t->index] = t->children[t->index].pid;
		}
	}
	for (size_t i = 0; command == 'w' && i < TREE_CHILDREN; i++)
		child_tell(&t->children[i], 'w');
}

static void compare_tree(const struct census *before, const struct census *after)
{
	for (size_t i = 0; i < TREE_CHILDREN; i++) {
		const struct memory_usage *was = &before->usages[i], *is = &after->usages[i];
		ck_assert_uint_eq(is->private.value - was->private.value, TREE_BYTES / 4);
		ck_assert_uint_eq(was->shared.value - is->shared.value, TREE_BYTES / 4);
		ck_assert_uint_eq(is->unique.value, was->unique.value);
		for (size_t j = 0; j < i; j++) {
			uint64_t had = census_shared(before, i, j).value;
			uint64_t has = census_shared(after, i, j).value;
			ck_assert_uint_ge(had, TREE_BYTES);
			/* Each wrote a quarter of its own: two quarters are still of both. */
			ck_assert_uint_eq(had - has, TREE_BYTES / 2);
			ck_assert_uint_eq(has, census_shared(after, j, i).value);
		}
	}
	ck_assert_uint_eq(after->union_bytes.value - before->union_bytes.value, 3 * TREE_BYTES / 4);
	ck_assert_uint_eq(after->unshared_bytes.value, before->unshared_bytes.value);
}

static pid_t *shared_pids(void)
{
	pid_t *pids = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(pids, MAP_FAILED);
	memset(pids, 0, PAGE);
	return pids;
}

START_TEST(forked_processes_own_what_they_wrote)
{
	struct tree tree = { .pids = shared_pids() };
	struct census_thing things[TREE_CHILDREN];

	if (!is_told())
		return;
	struct child parent = child_start(grow_tree, &tree);
	child_tell(&parent, 'f');
	for (size_t i = 0; i < TREE_CHILDREN; i++)
		things[i] = thing("forked", &tree.pids[i], 1);
	struct census before = take_still(things, TREE_CHILDREN);
	child_tell(&parent, 'w');
	struct census after = take_still(things, TREE_CHILDREN);
	compare_tree(&before, &after);
	census_done(&before);
	census_done(&after);
	child_stop(&parent);
}
END_TEST

struct family {
	char *memory;
	pid_t *pids; /* shared with us */
};

/* Memory of its own, and three children that share it with nobody else. */
static void found_family(void *context, char command)
{
	struct family *f = context;

	if (command != 'f')
		return;
	f->memory = memory_of(8 * MIB);
	memset(f->memory, 1, 8 * MIB);
	for (size_t i = 1; i < 4; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		f->pids[i] = pid;
	}
}

START_TEST(what_is_shared_inside_a_container_is_private)
{
	struct family f = { .pids = shared_pids() };
	struct child child = child_start(found_family, &f);

	if (!is_told())
		return;
	child_tell(&child, 'f');
	f.pids[0] = child.pid;
	struct census_thing all = thing("family", f.pids, 4), one = thing("one", f.pids, 1);
	/* Children that have not run yet touch their stacks for the first time. */
	struct census c = take_with(&all, 1, NULL), d = take_with(&one, 1, NULL);
	ck_assert_uint_eq(c.usages[0].processes, 4);
	ck_assert_uint_ge(c.usages[0].private.value, 8 * MIB);
	ck_assert_uint_lt(d.usages[0].private.value, 8 * MIB);
	ck_assert_uint_ge(d.usages[0].outside.value, 8 * MIB);
	ck_assert_uint_eq(c.usages[0].kernel_stacks.value, 4 * 16 * 1024);
	census_done(&c);
	census_done(&d);
	child_stop(&child);
}
END_TEST

/*
 * Maps this file and reads all of it. With 'h' it takes all back: the code that does it is then
 * mapped, and what 'm' adds is the file alone.
 */
static void map_file(void *context, char command)
{
	const int *fd = context;
	volatile char sum = 0;
	char *file = mmap(NULL, MIB, PROT_READ, MAP_SHARED, *fd, 0);

	for (size_t i = 0; file != MAP_FAILED && i < MIB; i += PAGE)
		sum = (char)(sum + file[i]);
	if (command == 'h')
		munmap(file, MIB);
}

static void fill(int fd)
{
	static char bytes[1 << 20];

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
}

static void check_mapped_by_two(int fd, bool is_shmem)
{
	struct child a = child_start(map_file, &fd), b = child_start(map_file, &fd);
	struct census_thing things[] = { thing("a", &a.pid, 1), thing("b", &b.pid, 1) };
	struct census none = take_still(things, 2);

	child_tell(&a, 'm');
	struct census one = take_still(things, 2);
	child_tell(&b, 'm');
	struct census two = take_still(things, 2);
	const struct memory_kinds *was = none.usages[0].kinds, *is = one.usages[0].kinds;
	uint64_t of_one = is_shmem ? is->shmem.private_bytes - was->shmem.private_bytes
				   : is->file.private_bytes - was->file.private_bytes;
	was = one.usages[0].kinds, is = two.usages[0].kinds;
	uint64_t of_two = is_shmem ? is->shmem.shared_bytes - was->shmem.shared_bytes
				   : is->file.shared_bytes - was->file.shared_bytes;
	ck_assert_uint_eq(of_one, MIB);
	ck_assert_uint_eq(of_two, MIB);
	ck_assert_uint_eq(census_shared(&two, 0, 1).value - census_shared(&one, 0, 1).value, MIB);
	ck_assert_uint_eq(one.union_bytes.value, two.union_bytes.value);
	census_done(&none);
	census_done(&one);
	census_done(&two);
	child_stop(&a);
	child_stop(&b);
}

START_TEST(a_file_mapped_by_two_is_shared)
{
	char name[] = "/var/tmp/cowrun-census-XXXXXX";
	int fd = mkstemp(name);

	fill(fd);
	unlink(name);
	if (is_told())
		check_mapped_by_two(fd, false);
	close(fd);
}
END_TEST

START_TEST(a_memfd_mapped_by_two_is_shared)
{
	int fd = memfd_create("name\nwith a newline", MFD_CLOEXEC);

	fill(fd);
	if (is_told())
		check_mapped_by_two(fd, true);
	close(fd);
}
END_TEST

/* 'z' maps the zero page over and over ('h' takes it back), 'l' asks for large pages and writes to
 * them. */
static void use_special(void *context, char command)
{
	static volatile char sum;
	size_t large = 2 * MIB;
	char *memory = context;

	if (command == 'z' || command == 'h')
		for (size_t i = 0; i < 4 * MIB; i += PAGE)
			sum = (char)(sum + memory[i]);
	if (command == 'h')
		madvise(memory, 4 * MIB, MADV_DONTNEED);
	if (command == 'l') {
		char *aligned = (char *)(((uintptr_t)memory + large - 1) & ~(large - 1));
		madvise(aligned, large, MADV_HUGEPAGE);
		for (size_t i = 0; i < large; i += PAGE)
			aligned[i] = 1;
	}
}

START_TEST(the_zero_page_is_nobodys)
{
	struct child child = child_start(use_special, memory_of(4 * MIB));
	struct census_thing t = thing("zero", &child.pid, 1);
	struct census_options by_maps = { .without_scan = true };

	if (!is_told() || !is_small())
		return;
	struct census before = take_still(&t, 1);
	child_tell(&child, 'z');
	struct census after = take_still(&t, 1), again = take_with(&t, 1, &by_maps);
	ck_assert_uint_eq(after.usages[0].unique.value, before.usages[0].unique.value);
	ck_assert_uint_eq(again.usages[0].unique.value, before.usages[0].unique.value);
	census_done(&before);
	census_done(&after);
	census_done(&again);
	child_stop(&child);
}
END_TEST

START_TEST(large_pages_count_as_what_they_hold)
{
	struct child child = child_start(use_special, memory_of(4 * MIB));
	struct census_thing t = thing("large", &child.pid, 1);

	if (!is_told())
		return;
	struct census before = take_still(&t, 1);
	child_tell(&child, 'l');
	struct census after = take_still(&t, 1);
	uint64_t large = after.usages[0].large.value - before.usages[0].large.value;
	ck_assert_uint_eq(anon_of(&after.usages[0]) - anon_of(&before.usages[0]), 2 * MIB);
	if (large == 0)
		puts("# skip: this host gives no large pages");
	else
		ck_assert_uint_eq(large, 2 * MIB);
	census_done(&before);
	census_done(&after);
	child_stop(&child);
}
END_TEST

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

START_TEST(an_address_space_counts_once)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pids[2];

	if (!is_told())
		return;
	pids[0] = fork();
	if (pids[0] == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		raise(SIGSTOP);
		pid_t twin = clone(
			wait_in_the_same_space, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
		siginfo_t info;
		waitid(P_PID, (id_t)twin, &info, WEXITED | WNOWAIT);
		_exit(0);
	}
	waitpid(pids[0], NULL, WUNTRACED);
	struct census_thing one = thing("one", pids, 1), both = thing("both", pids, 2);
	kill(pids[0], SIGCONT);
	char name[64];
	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", pids[0], pids[0]);
	for (pids[1] = 0; pids[1] == 0;) {
		FILE *f = fopen(name, "r");
		if (!f || fscanf(f, "%d", &pids[1]) != 1)
			pids[1] = 0;
		if (f)
			fclose(f);
	}
	wait_until_asleep(pids[0]);
	wait_until_asleep(pids[1]);
	struct census c = take_still(&one, 1), d = take_still(&both, 1);
	ck_assert_uint_eq(d.usages[0].processes, 2);
	ck_assert_uint_eq(c.usages[0].page_tables.value, d.usages[0].page_tables.value);
	ck_assert_uint_eq(anon_of(&c.usages[0]), anon_of(&d.usages[0]));
	ck_assert_uint_eq(d.usages[0].kernel_stacks.value, 2 * c.usages[0].kernel_stacks.value);
	kill(pids[1], SIGKILL);
	kill(pids[0], SIGKILL);
	waitpid(pids[0], NULL, 0);
	census_done(&c);
	census_done(&d);
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

START_TEST(the_bill_names_all_its_parts)
{
	struct child child = child_start(nothing, NULL), monitor = child_start(nothing, NULL);
	struct census_thing t = thing("billed", &child.pid, 1);

	if (!is_told())
		return;
	t.monitor = monitor.pid;
	t.kernel_other = (struct opt_u64){ true, 12345 };
	t.private_cache = (struct opt_u64){ true, 1000 };
	t.charged = (struct opt_u64){ true, 77 };
	struct census c = take_still(&t, 1);
	const struct memory_usage *u = &c.usages[0];
	ck_assert(u->monitor.set && u->monitor.value > 0);
	ck_assert_uint_eq(u->kernel_stacks.value, 16384);
	ck_assert_uint_eq(u->kernel.value, u->page_tables.value + 16384 + 12345);
	ck_assert_uint_eq(
		u->cost.value, u->private.value + u->kernel.value + 1000 + u->monitor.value);
	ck_assert(u->charged.set && u->charged.value == 77);
	ck_assert(!u->limit.set);
	child_stop(&child);
	child_stop(&monitor);
	census_done(&c);
}
END_TEST

START_TEST(templates_hold_memory_and_save_nothing)
{
	struct tree tree = { .memory = memory_of(TREE_BYTES) };

	if (!is_told())
		return;
	touch(tree.memory, TREE_BYTES);
	struct child template = child_start(write_quarter, &tree);
	struct child fork = child_start(write_quarter, &tree);
	struct census_thing things[] = { thing("template:t", &template.pid, 1),
		thing("fork", &fork.pid, 1) };
	things[0].is_template = true;
	struct census c = take_still(things, 2);
	ck_assert_uint_eq(c.unshared_bytes.value, c.usages[1].unique.value);
	ck_assert_uint_eq(c.saved_bytes.value, 0);
	ck_assert_int_eq(census_rank(&c, NULL), 0);
	ck_assert_uint_eq(c.usages[1].n_with, 1);
	ck_assert_str_eq(c.usages[1].with[0].name, "template:t");
	ck_assert_uint_ge(c.usages[1].with[0].bytes, TREE_BYTES);
	child_stop(&template);
	child_stop(&fork);
	census_done(&c);
}
END_TEST

START_TEST(without_privilege_there_are_estimates)
{
	if (getuid() == 0) {
		ck_assert_int_eq(setgid(65534), 0);
		ck_assert_int_eq(setuid(65534), 0);
	}
	prctl(PR_SET_DUMPABLE, 1);
	char *memory = memory_of(MIB);
	struct child child = child_start(write_next, &memory), hidden = child_start(nothing, NULL);
	child_tell(&child, 'w');
	pid_t pids[] = { child.pid, hidden.pid };
	struct census_thing things[] = { thing("one", pids, 1), thing("two", pids, 2) };
	struct census c = take_with(things, 2, NULL);
	ck_assert(c.estimated && !c.exact);
	ck_assert_str_eq(c.why, "no CAP_SYS_ADMIN on this host: sums of PSS and USS");
	ck_assert(c.usages[0].private.set && c.usages[0].private.value > 0);
	ck_assert(c.usages[0].unique.set && c.usages[0].unique.value >= c.usages[0].private.value);
	ck_assert(c.usages[1].private.set && !c.usages[1].unique.set && !c.usages[1].shared.set);
	ck_assert_ptr_null(c.usages[0].kinds);
	ck_assert(!census_shared(&c, 0, 1).set);
	ck_assert(c.union_bytes.set && !c.saved_bytes.set);
	child_stop(&child);
	child_stop(&hidden);
	census_done(&c);
}
END_TEST

static void hide(void *context, char command)
{
	(void)context;
	(void)command;
	prctl(PR_SET_DUMPABLE, 0);
}

START_TEST(what_may_not_be_read_is_unset)
{
	if (getuid() == 0) {
		ck_assert_int_eq(setgid(65534), 0);
		ck_assert_int_eq(setuid(65534), 0);
	}
	prctl(PR_SET_DUMPABLE, 1);
	struct child child = child_start(hide, NULL), open = child_start(nothing, NULL);
	struct census_thing things[] = { thing("hidden", &child.pid, 1),
		thing("open", &open.pid, 1) };
	struct census c = take_with(things, 2, NULL);
	const struct memory_usage *u = &c.usages[0];
	ck_assert(!u->private.set && !u->unique.set && !u->cost.set && !u->kernel.set);
	ck_assert(c.usages[1].private.set);
	ck_assert(!c.union_bytes.set && !c.saved_bytes.set);
	child_stop(&child);
	child_stop(&open);
	census_done(&c);
}
END_TEST

START_TEST(nothing_to_measure_is_exact)
{
	struct census c = take_with(NULL, 0, NULL);

	if (!c.estimated)
		ck_assert(c.exact && c.union_bytes.set && c.union_bytes.value == 0);
	census_done(&c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_census");
	TCase *tests = tcase_create("census");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, forked_processes_own_what_they_wrote);
	tcase_add_test(tests, what_is_shared_inside_a_container_is_private);
	tcase_add_test(tests, a_file_mapped_by_two_is_shared);
	tcase_add_test(tests, a_memfd_mapped_by_two_is_shared);
	tcase_add_test(tests, the_zero_page_is_nobodys);
	tcase_add_test(tests, large_pages_count_as_what_they_hold);
	tcase_add_test(tests, a_change_meanwhile_is_read_again);
	tcase_add_test(tests, a_change_in_every_reading_is_said);
	tcase_add_test(tests, an_exit_meanwhile_is_read_again);
	tcase_add_test(tests, a_birth_meanwhile_is_read_again);
	tcase_add_test(tests, the_dead_do_no_harm);
	tcase_add_test(tests, a_busy_process_is_never_silently_wrong);
	tcase_add_test(tests, work_follows_resident_pages);
	tcase_add_test(tests, all_ways_lead_to_the_same_figures);
	tcase_add_test(tests, an_address_space_counts_once);
	tcase_add_test(tests, a_process_may_be_of_two_things);
	tcase_add_test(tests, the_bill_names_all_its_parts);
	tcase_add_test(tests, templates_hold_memory_and_save_nothing);
	tcase_add_test(tests, without_privilege_there_are_estimates);
	tcase_add_test(tests, what_may_not_be_read_is_unset);
	tcase_add_test(tests, nothing_to_measure_is_exact);
	suite_add_tcase(suite, tests);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
