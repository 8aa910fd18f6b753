/* Broken pages of real forks, of which every write is known. */
#include "cgroup/breaks.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>

#include "tests/unit/child.h"
#include "tests/unit/run.h"

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
#ifdef __SANITIZE_ADDRESS__
#define SLACK 16 /* the sanitizer's own pages */
#else
#define SLACK 0
#endif
/* --- real forks -------------------------------------------------------------------------------- */

static struct breaker breaker;

/* False where frames are not told. */
static bool begin(void)
{
	struct err e;

	if (breaker_init(&breaker, &e) == 0)
		return true;
	ck_assert_int_eq(e.code, EPERM);
	puts("# skip: page frames are not told to us");
	return false;
}

static struct breaks look(const struct child *children, size_t n)
{
	struct breaks b;
	struct err e;
	pid_t pids[8];

	for (size_t i = 0; i < n; i++)
		pids[i] = children[i].pid;
	ck_assert_msg(breaks_take(&breaker, pids, n, 0, true, &b, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(b.n_unread, 0);
	return b;
}

/* The row of a mapping whose name begins so. */
static struct breaks_counts row(const struct breaks *b, const char *name)
{
	struct breaks_counts none = { 0 };

	for (size_t i = 0; i < b->n_mappings; i++)
		if (strncmp(b->mappings[i].name, name, strlen(name)) == 0)
			return b->mappings[i].counts;
	return none;
}

struct memory {
	char *at;
	size_t pages;
	size_t written; /* by each command, from the first not yet written on */
};

static void write_pages(struct memory *m, size_t n)
{
	size_t page = PAGE;

	for (size_t i = 0; i < n; i++)
		((volatile char *)m->at)[m->written++ * page] = 2;
}

/* 'h' breaks the stack, all of it that is used; 'a' writes ten pages, 'b' three. */
static void act(void *context, char command)
{
	*(volatile size_t *)&((struct memory *)context)->written += 0;
	write_pages(context, command == 'a' ? 10 : command == 'b' ? 3 : 0);
}

/* All its pages are there, and anonymous if it was written. */
static struct memory memory_make(int flags, int fd, size_t pages, int advice)
{
	struct memory m = { mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0), pages,
		0 };
	size_t page = PAGE;

	ck_assert_ptr_ne(m.at, MAP_FAILED);
	madvise(m.at, pages * page, advice);
	for (size_t i = 0; i < pages; i++)
		if (fd < 0)
			((volatile char *)m.at)[i * page] = (char)(1 + i % 99);
		else
			(void)((volatile char *)m.at)[i * page];
	return m;
}

static void check_pages(struct memory *m)
{
	struct child child = child_start(act, m);
	struct breaks b = look(&child, 1);

	ck_assert_uint_eq(b.n_processes, 1);
	ck_assert_int_eq(b.processes[0].relation, RELATION_PARENT);
	ck_assert_int_eq(b.processes[0].origin, getpid());
	ck_assert_uint_ge(b.counts.pages[PAGE_INHERITED], m->pages);
	uint64_t before = b.counts.pages[PAGE_BROKEN], inherited = b.counts.pages[PAGE_INHERITED];
	uint64_t exposed = b.exposed_anon;
	breaks_done(&b);
	child_tell(&child, 'a');
	b = look(&child, 1);
	ck_assert_uint_eq(b.counts.broken_now, 10);
	ck_assert_uint_eq(b.counts.pages[PAGE_BROKEN], before + 10);
	/* We are the origin, and write too: of our own stack, and what malloc() keeps. */
	uint64_t left = b.counts.left_now;
	ck_assert_uint_lt(left, 60);
	ck_assert_uint_eq(b.counts.pages[PAGE_INHERITED], inherited - 10 - left);
	ck_assert_uint_le(b.exposed_anon, exposed - 10);
	ck_assert_uint_ge(b.exposed_anon, exposed - 10 - left);
	breaks_done(&b);
	child_tell(&child, 'b');
	b = look(&child, 1);
	ck_assert_uint_eq(b.counts.broken_now, 3);
	ck_assert_uint_eq(b.counts.pages[PAGE_BROKEN], before + 13);
	breaks_done(&b);
	b = look(&child, 1);
	ck_assert_uint_eq(b.counts.broken_now, 0);
	breaks_done(&b);
	child_stop(&child);
}

START_TEST(small_pages_are_counted)
{
	struct memory m = memory_make(MAP_PRIVATE | MAP_ANONYMOUS, -1, 500, MADV_NOHUGEPAGE);

	if (begin())
		check_pages(&m);
}
END_TEST

/* A write splits the large page of the writer; the others stay shared one by one. */
START_TEST(of_a_large_page_small_ones_break)
{
	struct memory m = memory_make(MAP_PRIVATE | MAP_ANONYMOUS, -1, 3 * 512, MADV_HUGEPAGE);

	if (begin())
		check_pages(&m);
}
END_TEST

/* A file's own pages until they are written, in whoever maps them. */
static void check_file(int fd, const char *name)
{
	ck_assert_int_eq(ftruncate(fd, (off_t)(100 * PAGE)), 0);
	struct memory m = memory_make(MAP_PRIVATE, fd, 100, MADV_NORMAL);
	struct child child = child_start(act, &m);
	child_tell(&child, 'a');
	struct breaks b = look(&child, 1);
	ck_assert_uint_eq(row(&b, name).pages[PAGE_BROKEN], 10);
	ck_assert_uint_eq(row(&b, name).pages[PAGE_INHERITED], 0);
	ck_assert_uint_eq(row(&b, name).broken_now, 0); /* the first look has seen nothing before */
	uint64_t exposed = b.exposed_file;
	ck_assert_uint_ge(exposed, 90);
	breaks_done(&b);
	child_tell(&child, 'b');
	b = look(&child, 1);
	ck_assert_uint_eq(row(&b, name).pages[PAGE_BROKEN], 13);
	ck_assert_uint_eq(row(&b, name).broken_now, 3);
	ck_assert_uint_eq(b.exposed_file, exposed - 3);
	breaks_done(&b);
	child_stop(&child);
	/* What the origin wrote before the fork is inherited, and broken by the next write. */
	write_pages(&m, 20);
	m.written = 0;
	child = child_start(act, &m);
	b = look(&child, 1);
	ck_assert_uint_eq(row(&b, name).pages[PAGE_INHERITED], 20);
	ck_assert_uint_eq(row(&b, name).pages[PAGE_BROKEN], 0);
	breaks_done(&b);
	child_tell(&child, 'a');
	b = look(&child, 1);
	ck_assert_uint_eq(row(&b, name).pages[PAGE_INHERITED], 10);
	ck_assert_uint_eq(row(&b, name).pages[PAGE_BROKEN], 10);
	ck_assert_uint_eq(row(&b, name).broken_now, 10);
	breaks_done(&b);
	child_stop(&child);
	munmap(m.at, 100 * PAGE);
}

START_TEST(private_mappings_of_files)
{
	char path[] = "/tmp/cowrun-breaks-XXXXXX";
	autofd int memfd = memfd_create("cowrun breaks", MFD_CLOEXEC);
	autofd int file = mkostemp(path, O_CLOEXEC);

	unlink(path);
	if (!begin())
		return;
	check_file(memfd, "/memfd:cowrun breaks");
	breaker_done(&breaker);
	ck_assert(begin());
	check_file(file, path);
}
END_TEST

START_TEST(what_the_origin_writes_is_not_broken_by_its_forks)
{
	struct memory m = memory_make(MAP_PRIVATE | MAP_ANONYMOUS, -1, 300, MADV_NOHUGEPAGE);
	struct child children[3];

	if (!begin())
		return;
	for (size_t i = 0; i < 3; i++)
		children[i] = child_start(act, &m);
	struct breaks b = look(children, 3);
	uint64_t left = b.counts.pages[PAGE_LEFT], broken = b.counts.pages[PAGE_BROKEN];
	uint64_t writes = b.left_writes;
	breaks_done(&b);
	write_pages(&m, 40);
	/* Both ways of knowing: the look before, and three of one mind. */
	for (int knows = 1; knows >= 0; knows--) {
		if (!knows) {
			breaker_done(&breaker);
			ck_assert(begin());
		}
		b = look(children, 3);
		ck_assert_uint_ge(b.counts.pages[PAGE_LEFT], left + 3 * 40);
		ck_assert_uint_le(b.counts.pages[PAGE_LEFT], left + 3 * 100); /* and our stack */
		ck_assert_uint_eq(b.counts.broken_now, 0);
		ck_assert_uint_le(b.counts.pages[PAGE_BROKEN], broken + 3 * 4 + 3 * SLACK);
		ck_assert(!knows || b.counts.left_now >= 3 * 40);
		ck_assert(knows || b.left_writes >= writes + 40);
		breaks_done(&b);
	}
	for (size_t i = 0; i < 3; i++)
		child_stop(&children[i]);
}
END_TEST

START_TEST(processes_come_and_go)
{
	autofd int fd = memfd_create("cowrun breaks", MFD_CLOEXEC);
	struct child children[2];

	ck_assert_int_eq(ftruncate(fd, (off_t)(300 * PAGE)), 0);
	struct memory m = memory_make(MAP_PRIVATE, fd, 300, MADV_NORMAL);

	if (!begin())
		return;
	children[0] = child_start(act, &m);
	children[1] = children[0];
	struct breaks b = look(children, 1);
	breaks_done(&b);
	/* New since: all that it has broken it broke now. */
	children[1] = child_start(act, &m);
	child_tell(&children[1], 'a');
	b = look(children, 2);
	ck_assert_uint_eq(b.n_processes, 2);
	ck_assert_uint_eq(row(&b, "/memfd:cowrun breaks").broken_now, 10);
	ck_assert_uint_ge(b.processes[1].counts.broken_now, 10);
	ck_assert_uint_eq(b.processes[0].counts.broken_now, 0);
	breaks_done(&b);
	child_stop(&children[1]);
	b = look(children, 2);
	ck_assert_uint_eq(b.n_processes, 1);
	ck_assert_uint_eq(b.counts.broken_now, 0);
	breaks_done(&b);
	child_stop(&children[0]);
	b = look(children, 2);
	ck_assert_uint_eq(b.n_processes, 0);
	ck_assert_uint_eq(b.n_mappings, 0);
	breaks_done(&b);
}
END_TEST

/* Who has executed a program has inherited nothing, whoever its parent is. */
START_TEST(a_program_inherits_nothing)
{
	if (!begin())
		return;
	struct memory m = memory_make(MAP_PRIVATE | MAP_ANONYMOUS, -1, 300, MADV_NOHUGEPAGE);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("sleep", "sleep", "1000", (char *)NULL);
		_exit(1);
	}
	char name[64] = "";
	for (int tries = 0; tries < 1000 && strncmp(name, "sleep", 5) != 0; tries++) {
		char path[32];
		snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
		autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(read(fd, name, sizeof(name) - 1), 0);
		usleep(1000);
	}
	struct child child = { .pid = pid };
	struct breaks b = look(&child, 1);
	ck_assert_int_eq(b.processes[0].relation, RELATION_NONE);
	ck_assert_uint_eq(b.counts.pages[PAGE_INHERITED], 0);
	ck_assert_uint_lt(b.exposed_anon, 10);
	ck_assert_str_eq(b.processes[0].command, "sleep");
	breaks_done(&b);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap(m.at, m.pages * PAGE);
}
END_TEST

/* The only child of a process, when both are called so. */
static pid_t child_called(pid_t parent, const char *name)
{
	char path[64], text[32] = "";

	for (int tries = 0; tries < 2000; tries++, usleep(1000)) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
		FILE *children = fopen(path, "re");
		int pid = 0;
		if (!children || fscanf(children, "%d", &pid) != 1)
			pid = 0;
		if (children)
			fclose(children);
		bool both = pid != 0;
		for (int i = 0; both && i < 2; i++) {
			snprintf(path, sizeof(path), "/proc/%d/comm", i ? pid : (int)parent);
			FILE *comm = fopen(path, "re");
			both = comm && fgets(text, sizeof(text), comm) &&
			       strncmp(text, name, strlen(name)) == 0;
			if (comm)
				fclose(comm);
		}
		if (both)
			return pid;
	}
	return 0;
}

/* Without randomized addresses a parent and its child that run the same program look like a fork. */
START_TEST(two_runs_of_a_program_are_no_fork)
{
	if (!begin())
		return;
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		personality(ADDR_NO_RANDOMIZE);
		execl("/bin/sh", "sh", "-c", "sleep 1000 & exec sleep 1000", (char *)NULL);
		_exit(1);
	}
	struct child both[] = { { .pid = pid }, { .pid = child_called(pid, "sleep") } };
	ck_assert_int_ne(both[1].pid, 0);
	struct breaks b = look(both, 2);
	ck_assert_uint_eq(b.n_processes, 2);
	ck_assert_int_eq(b.processes[1].relation, RELATION_NONE);
	ck_assert_uint_eq(b.counts.pages[PAGE_INHERITED], 0);
	breaks_done(&b);
	for (int i = 1; i >= 0; i--)
		kill(both[i].pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

/* Its address space grows to its end, and no page of it is touched. */
static void grow(void *context, char command)
{
	(void)context;
	if (command != 'g')
		return;
	while (mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		;
}

START_TEST(what_changes_without_faults_is_told)
{
	struct err e;
	uint64_t n_changed = 0, faults = 0;
	bool is_told = false;

	if (!begin())
		return;
	struct still s = still_start(grow, NULL);
	ck_assert_int_eq(write(s.child.to, "g", 1), 1);
	for (int i = 0; i < 2000 && !is_told; i++) {
		struct breaks b;
		int r = breaks_take(&breaker, &s.child.pid, 1, 0, false, &b, &e);
		ck_assert_msg(r == 0, "%s", e.text);
		ck_assert_uint_eq(b.n_processes, 1);
		/* Of the look before: from its beginning to this one's there was no fault. */
		is_told = n_changed && b.processes[0].faults == faults;
		faults = b.processes[0].faults;
		n_changed = b.n_changed;
		breaks_done(&b);
	}
	ck_assert(is_told);
	still_stop(&s);
}
END_TEST

START_TEST(who_was_born_meanwhile_has_changed_something)
{
	const pid_t before[] = { 7, 3, 9 }, now[] = { 9, 4, 3, 11 };
	struct breaks b = { .n_changed = 1 };

	breaks_note_born(&b, before, 3, now, 4);
	ck_assert_uint_eq(b.n_changed, 3);
	breaks_note_born(&b, before, 3, before, 3);
	breaks_note_born(&b, before, 3, NULL, 0);
	ck_assert_uint_eq(b.n_changed, 3);
	breaks_note_born(&b, NULL, 0, now, 4);
	ck_assert_uint_eq(b.n_changed, 7);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_breaks");
	TCase *tests = tcase_create("breaks");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, small_pages_are_counted);
	tcase_add_test(tests, of_a_large_page_small_ones_break);
	tcase_add_test(tests, private_mappings_of_files);
	tcase_add_test(tests, what_the_origin_writes_is_not_broken_by_its_forks);
	tcase_add_test(tests, processes_come_and_go);
	tcase_add_test(tests, a_program_inherits_nothing);
	tcase_add_test(tests, two_runs_of_a_program_are_no_fork);
	tcase_add_test(tests, what_changes_without_faults_is_told);
	tcase_add_test(tests, who_was_born_meanwhile_has_changed_something);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
