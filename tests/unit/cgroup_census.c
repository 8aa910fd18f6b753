/* The census of real processes: what they did to their memory is known to the page. */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "cgroup/kpage.h"
#include "tests/unit/measure.h"
#include "tests/unit/run.h"

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

static struct memory_kind kind_of(const struct census *c, bool is_shmem)
{
	return is_shmem ? c->usages[0].kinds->shmem : c->usages[0].kinds->file;
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
	ck_assert_uint_eq(
		kind_of(&one, is_shmem).private_bytes - kind_of(&none, is_shmem).private_bytes,
		MIB);
	ck_assert_uint_eq(
		kind_of(&two, is_shmem).shared_bytes - kind_of(&one, is_shmem).shared_bytes, MIB);
	ck_assert_uint_eq(census_shared(&two, 0, 1).value - census_shared(&one, 0, 1).value, MIB);
	ck_assert_uint_eq(one.union_bytes.value, two.union_bytes.value);
	census_done(&none);
	census_done(&one);
	census_done(&two);
	child_stop(&a);
	child_stop(&b);
}

/* The files that guests write are of an overlay, over a tmpfs. */
static bool is_of_tmpfs(int fd)
{
	struct statfs fs;

	ck_assert_int_eq(fstatfs(fd, &fs), 0);
	return fs.f_type == TMPFS_MAGIC || fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

START_TEST(a_file_mapped_by_two_is_shared)
{
	char name[] = "/var/tmp/cowrun-census-XXXXXX";
	int fd = mkstemp(name);

	fill(fd);
	unlink(name);
	if (is_told())
		check_mapped_by_two(fd, is_of_tmpfs(fd));
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

/* What 4 MiB that are only read add: nothing, but in a kernel that has no zero page. */
static uint64_t cost_of_reading(void)
{
	struct kpage k;
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	kpage_init(&k, proc);
	bool has_zero_page = k.zero != 0;
	kpage_done(&k);
	close(proc);
	return has_zero_page ? 0 : 4 * MIB;
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
	uint64_t expected = before.usages[0].unique.value + cost_of_reading();
	ck_assert_uint_eq(after.usages[0].unique.value, expected);
	ck_assert_uint_eq(again.usages[0].unique.value, expected);
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
	struct tree tree = { .memory = memory_of(TREE_BYTES) };
	struct child child = child_start(write_quarter, &tree), hidden = child_start(nothing, NULL);
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

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, forked_processes_own_what_they_wrote);
	tcase_add_test(tests, what_is_shared_inside_a_container_is_private);
	tcase_add_test(tests, a_file_mapped_by_two_is_shared);
	tcase_add_test(tests, a_memfd_mapped_by_two_is_shared);
	tcase_add_test(tests, the_zero_page_is_nobodys);
	tcase_add_test(tests, large_pages_count_as_what_they_hold);
	tcase_add_test(tests, the_bill_names_all_its_parts);
	tcase_add_test(tests, templates_hold_memory_and_save_nothing);
	tcase_add_test(tests, without_privilege_there_are_estimates);
	tcase_add_test(tests, what_may_not_be_read_is_unset);
	tcase_add_test(tests, nothing_to_measure_is_exact);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
