/* The census by process and by file, the host's row, and the fast look. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/unit/model.h"
#include "tests/unit/run.h"

#define ALL_DETAILS (CENSUS_PROCESSES | CENSUS_FILES)

/* Memory that is forked: 16 pages of each child's own, 32 of the two, 64 of another thing too. */
struct kin {
	char *old, *common, *own;
	pid_t *pids; /* shared with us */
};

static void write_own(void *context, char command)
{
	struct kin *k = context;

	if (command == 'h')
		k->own = memory_of(16 * PAGE);
	touch(k->own, command == 'w' ? 16 * PAGE : 0);
}

static void found_kin(void *context, char command)
{
	struct kin *k = context;

	if (command != 'f')
		return;
	prctl(PR_SET_NAME, "kin\n\033[31m)");
	k->common = memory_of(32 * PAGE);
	touch(k->common, 32 * PAGE);
	for (size_t i = 1; i < 3; i++) {
		struct child child = child_start(write_own, k);
		child_tell(&child, 'w');
		k->pids[i] = child.pid;
	}
}

/* The one outside: it has the old pages, and starts the family. */
static void fork_kin(void *context, char command)
{
	struct kin *k = context;

	if (command != 'f')
		return;
	k->old = memory_of(64 * PAGE);
	touch(k->old, 64 * PAGE);
	struct still first = still_start(found_kin, k);
	child_tell(&first.child, 'f');
	k->pids[0] = first.child.pid;
}

static struct kin kin_start(struct still *ret)
{
	struct kin k = { .pids = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0) };

	ck_assert_ptr_ne(k.pids, MAP_FAILED);
	*ret = still_start(fork_kin, &k);
	child_tell(&ret->child, 'f');
	return k;
}

static void check_processes(const struct census *c, const struct kin *k)
{
	uint64_t private = 0;

	ck_assert_uint_eq(c->n_processes, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct census_process *p = &c->processes[i];
		private += p->private.value;
		ck_assert_uint_eq(p->thing, 0);
		ck_assert_str_eq(p->command, "kin??[31m)");
		ck_assert_uint_eq(p->unique.value, p->private.value + p->shared.value);
		ck_assert_uint_le(p->inside.value, p->shared.value);
		ck_assert(p->page_tables.value > 0 && p->threads == 1);
		ck_assert(p->swap.set && p->swap.value == 0);
		/* What the founder has in common with its children, and with nobody else. */
		ck_assert_uint_ge(p->inside.value, 32 * PAGE);
		ck_assert_uint_ge(p->shared.value - p->inside.value, 64 * PAGE);
		ck_assert_uint_le(p->unique.value, c->usages[0].unique.value);
	}
	ck_assert_uint_lt(private, c->usages[0].private.value);
	ck_assert_int_lt(c->processes[0].pid, c->processes[1].pid);
	(void)k;
}

/* Each alone is a thing: what it has by the census of things is what it has as a process. */
static void compare_alone(const struct census *c)
{
	for (size_t i = 0; i < c->n_processes; i++) {
		const struct census_process *p = &c->processes[i];
		struct census_thing alone = thing("alone", &p->pid, 1);
		struct census d = take_modelled(&alone, 1, NULL);
		ck_assert_uint_eq(p->unique.value, d.usages[0].unique.value);
		/* Files apart: other tests have the same libraries. */
		ck_assert_uint_ge(p->private.value, d.usages[0].kinds->anon.private_bytes);
		ck_assert_uint_eq(p->page_tables.value, d.usages[0].page_tables.value);
		census_done(&d);
	}
}

START_TEST(processes_are_told_apart)
{
	static const struct census_options options = { .details = CENSUS_PROCESSES };
	struct still outside;

	if (!is_told() || !is_small())
		return;
	struct kin k = kin_start(&outside);
	struct census_thing t = thing("kin", k.pids, 3);
	struct census c = take_modelled(&t, 1, &options);
	check_processes(&c, &k);
	compare_alone(&c);
	ck_assert_ptr_null(c.files);
	census_done(&c);
	still_stop(&outside);
}
END_TEST

START_TEST(the_usual_census_has_no_details)
{
	pid_t self = getpid();
	struct census_thing t = thing("self", &self, 1);
	struct census c = take_with(&t, 1, NULL);

	ck_assert_ptr_null(c.processes);
	ck_assert_ptr_null(c.files);
	ck_assert_uint_eq(c.n_processes + c.n_files, 0);
	census_done(&c);
}
END_TEST

/* What files say by thing is what kinds say: no page is of two files, and none of no file. */
static void compare_kinds(const struct census *c)
{
	for (size_t i = 0; i < c->n_usages; i++) {
		const struct memory_kinds *k = c->usages[i].kinds;
		uint64_t bytes = 0;
		for (size_t f = 0; f < c->n_files; f++)
			for (size_t p = 0; p < c->files[f].n_parts; p++)
				if (c->files[f].parts[p].thing == i)
					bytes += c->files[f].parts[p].bytes;
		ck_assert_uint_eq(bytes, both(k->file) + both(k->shmem));
	}
}

static const struct census_file *file_of(const struct census *c, int fd)
{
	struct stat s;

	ck_assert_int_eq(fstat(fd, &s), 0);
	for (size_t i = 0; i < c->n_files; i++)
		if (c->files[i].ino == s.st_ino && c->files[i].dev == s.st_dev)
			return &c->files[i];
	return NULL;
}

/* Reads the first half of a file, writes a quarter of it in a private mapping. */
static void map_half(void *context, char command)
{
	int fd = *(const int *)context;
	volatile char sum = 0;

	if (command != 'm')
		return;
	char *at = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ck_assert_ptr_ne(at, MAP_FAILED);
	madvise(at, MIB, MADV_RANDOM);
	for (size_t i = 0; i < MIB / 2; i += PAGE)
		sum = (char)(sum + at[i]);
	touch(at + MIB / 4, MIB / 4);
}

#define HOSTILE_NAME "x\n7f0000000000-7f0000001000 r-xp 00000000 08:01 1 /etc/passwd"

START_TEST(frames_are_of_the_file_that_a_mapping_names)
{
	static const struct census_options options = { .details = ALL_DETAILS };
	int fd = memfd_create(HOSTILE_NAME, MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, MIB), 0);
	for (size_t i = 0; i < MIB; i += PAGE)
		ck_assert_int_eq(pwrite(fd, "f", 1, (off_t)i), 1);
	if (!is_told() || !is_small())
		return;
	struct still a = still_start(map_half, &fd), b = still_start(map_half, &fd);
	struct census_thing things[] = { thing("a", &a.child.pid, 1), thing("b", &b.child.pid, 1) };
	child_tell(&a.child, 'm');
	struct census one = take_modelled(things, 2, &options);
	const struct census_file *file = file_of(&one, fd);
	ck_assert_ptr_nonnull(file);
	/* Pages that were written are no longer of the file, but those around may be mapped. */
	ck_assert_uint_eq(file->unique, file->private);
	ck_assert_uint_ge(file->unique, MIB / 4);
	ck_assert_str_eq(file->path,
		"/memfd:x\\0127f0000000000-7f0000001000 r-xp 00000000 08:01 1 /etc/passwd (deleted)");
	ck_assert(file->is_shmem && file->pid == a.child.pid && file->end - file->start == MIB);
	ck_assert_uint_eq(file->n_parts, 1);
	compare_kinds(&one);
	child_tell(&b.child, 'm');
	struct census two = take_modelled(things, 2, &options);
	file = file_of(&two, fd);
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(file->n_parts, 2);
	ck_assert_uint_eq(file->private, 0);
	ck_assert_uint_eq(file->unique, file->parts[0].bytes);
	ck_assert_uint_eq(file->unique, file->parts[1].bytes);
	compare_kinds(&two);
	census_done(&one);
	census_done(&two);
	still_stop(&a);
	still_stop(&b);
}
END_TEST

/* One page of one file, in as many mappings as the kernel allows (65530), less some. */
#define MAPPINGS 60000

static void map_often(void *context, char command)
{
	int fd = *(const int *)context;
	size_t step = 2 * PAGE;
	char *at = command == 'm' ? mmap(NULL, MAPPINGS * step, PROT_NONE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
				  : MAP_FAILED;

	for (size_t i = 0; at != MAP_FAILED && i < MAPPINGS / 2; i++) {
		void *one = mmap(at + i * step, PAGE, PROT_READ,
			MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0);
		ck_assert_ptr_ne(one, MAP_FAILED);
	}
}

START_TEST(many_mappings_are_one_file)
{
	static const struct census_options options = { .details = CENSUS_FILES };
	int fd = memfd_create("often", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, (off_t)PAGE), 0);
	if (!is_told() || !is_small())
		return;
	struct still often = still_start(map_often, &fd);
	struct census_thing t = thing("often", &often.child.pid, 1);
	child_tell(&often.child, 'm');
	struct census c = take_with(&t, 1, &options);
	const struct census_file *file = file_of(&c, fd);
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(file->unique, PAGE);
	ck_assert_uint_eq(file->private, PAGE);
	compare_kinds(&c);
	/* Each entry is read once, whatever the mappings are. */
	ck_assert_uint_le(c.n_read, 2 * MAPPINGS + 100000);
	census_done(&c);
	still_stop(&often);
}
END_TEST

START_TEST(the_host_is_a_row_of_its_own)
{
	static const struct census_options options = { .host = true, .details = ALL_DETAILS };
	struct still outside;

	if (!is_told() || !is_small())
		return;
	struct kin k = kin_start(&outside);
	struct census_thing t = thing("kin", k.pids, 3);
	struct census without = take_modelled(&t, 1, NULL), c = { 0 };
	struct err e;
	ck_assert_int_eq(census_take(&t, 1, &options, &c, &e), 0);
	ck_assert_uint_eq(c.n_usages, 2);
	const struct memory_usage *u = &c.usages[0], *host = &c.usages[1];
	ck_assert_str_eq(host->name, "host");
	ck_assert(host->is_host && !u->is_host);
	ck_assert(host->processes > 2 && !host->outside.set);
	/* Asking for it changes nothing of the others; all that was outside is the host's. */
	ck_assert_uint_eq(u->unique.value, without.usages[0].unique.value);
	ck_assert_mem_eq(&u->kinds->anon, &without.usages[0].kinds->anon, sizeof(u->kinds->anon));
	ck_assert_mem_eq(
		&u->kinds->forked, &without.usages[0].kinds->forked, sizeof(u->kinds->forked));
	ck_assert_uint_eq(c.union_bytes.value, without.union_bytes.value);
	ck_assert_uint_eq(c.unshared_bytes.value, without.unshared_bytes.value);
	ck_assert(host->unique.set && host->n_unread + host->processes > 2);
	ck_assert_uint_ge(census_shared(&c, 0, 1).value, 64 * PAGE);
	ck_assert_uint_le(census_shared(&c, 0, 1).value, u->outside.value);
	ck_assert_uint_ge(c.n_processes, 3 + host->processes / 2);
	ck_assert_uint_eq(c.processes[2].thing, 0);
	ck_assert_uint_eq(c.processes[3].thing, 1);
	census_done(&without);
	census_done(&c);
	still_stop(&outside);
}
END_TEST

START_TEST(a_fast_look_is_an_estimate)
{
	static const struct census_options options = { .fast = true, .details = ALL_DETAILS };
	struct still outside;
	struct kin k = kin_start(&outside);
	struct census_thing things[] = { thing("kin", k.pids, 3),
		thing("one", &outside.child.pid, 1) };
	struct census c = take_with(things, 2, &options);

	ck_assert(c.estimated && !c.exact);
	ck_assert_str_eq(c.why, "a fast look: sums of PSS and USS");
	ck_assert_uint_eq(c.n_read, 0);
	ck_assert(c.usages[0].private.set && c.usages[0].pss.set && !c.usages[0].unique.set);
	ck_assert(c.usages[1].unique.set && c.usages[1].page_tables.set);
	ck_assert_ptr_null(c.usages[0].kinds);
	ck_assert(!c.usages[0].swap_private.set && c.union_bytes.set && !c.saved_bytes.set);
	ck_assert_uint_eq(c.n_processes, 4);
	ck_assert(c.processes[3].unique.set && !c.processes[3].inside.set);
	ck_assert_uint_eq(c.n_files, 0);
	census_done(&c);
	still_stop(&outside);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_census_details");
	TCase *tests = tcase_create("details");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, processes_are_told_apart);
	tcase_add_test(tests, the_usual_census_has_no_details);
	tcase_add_test(tests, frames_are_of_the_file_that_a_mapping_names);
	tcase_add_test(tests, many_mappings_are_one_file);
	tcase_add_test(tests, the_host_is_a_row_of_its_own);
	tcase_add_test(tests, a_fast_look_is_an_estimate);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
