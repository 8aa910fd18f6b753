/* Pagemaps: both ways of finding pages, hostile address spaces, and those that may not be read. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cgroup/pagemap.h"
#include "cgroup/process.h"
#include "cgroup/spaces.h"
#include "tests/unit/child.h"
#include "tests/unit/run.h"

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
#define TIB ((size_t)1 << 40)

static int proc_fd(void)
{
	int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static struct pagemap map_of(void)
{
	autofd int proc = proc_fd();
	struct pagemap p = { 0 };
	struct err e = { 0 };

	ck_assert_msg(pagemap_init(&p, proc, &e) == 0, "%s", e.text);
	return p;
}

/* Frames cannot be read everywhere that tests run, and ASan's shadow is 20 TiB of address space. */
static bool is_told(const struct pagemap *p)
{
#ifdef __SANITIZE_ADDRESS__
	puts("# skip: too much address space under ASan");
	return false;
#endif
	if (!p->tells)
		puts("# skip: page frames are not told here (no CAP_SYS_ADMIN)");
	return p->tells;
}

struct list {
	uint64_t *frames;
	size_t n;
	int failure; /* to return from the visit */
};

static int collect(void *context, const struct pagemap_pages *pages, struct err *e)
{
	struct list *l = context;

	if (l->failure)
		return err_say(e, -l->failure, "had enough");
	l->frames = realloc(l->frames, (l->n + pages->n_frames + 1) * sizeof(*l->frames));
	memcpy(l->frames + l->n, pages->frames, pages->n_frames * sizeof(*l->frames));
	l->n += pages->n_frames;
	return 0;
}

static int read_list(struct pagemap *p, pid_t pid, bool scans, bool dense, struct list *l)
{
	autofd int proc = proc_fd();
	autofd int dir = process_open(proc, pid);
	bool could = p->scans;
	struct err e;

	*l = (struct list){ 0 };
	p->scans = could && scans;
	int r = dir < 0 ? dir : pagemap_read(p, dir, dense, collect, l, &e);
	p->scans = could;
	return r;
}

/* Reads a process in all ways, and expects the same frames; how many. */
static size_t check_all_ways(struct pagemap *p, pid_t pid)
{
	struct list scan, smaps, maps;

	ck_assert_int_eq(read_list(p, pid, true, false, &scan), 0);
	ck_assert_int_eq(read_list(p, pid, false, false, &smaps), 0);
	ck_assert_int_eq(read_list(p, pid, true, true, &maps), 0);
	ck_assert_uint_eq(scan.n, smaps.n);
	ck_assert_uint_eq(scan.n, maps.n);
	ck_assert_mem_eq(scan.frames, smaps.frames, scan.n * sizeof(*scan.frames));
	ck_assert_mem_eq(scan.frames, maps.frames, scan.n * sizeof(*scan.frames));
	size_t n = scan.n;
	free(scan.frames);
	free(smaps.frames);
	free(maps.frames);
	return n;
}

static char *memory_of(size_t bytes)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	return memory;
}

struct holes {
	char *memory;
	size_t n, every;
};

/* With 't': writes to every so many-th page. */
static void touch_some(void *context, char command)
{
	const struct holes *h = context;
	size_t page = PAGE;

	for (size_t i = 0; command == 't' && i < h->n; i++)
		((volatile char *)h->memory)[i * h->every * page] = 1;
}

START_TEST(every_page_is_found_whatever_the_gaps)
{
	static const size_t every[] = { 1, 2, 3, 90, 91, 92, 500 };
	automatic(pagemap) struct pagemap p = map_of();

	for (size_t i = 0; i < sizeof(every) / sizeof(every[0]) && is_told(&p); i++) {
		struct holes h = { memory_of(300 * every[i] * PAGE), 300, every[i] };
		struct child child = child_start(touch_some, &h);
		size_t before = check_all_ways(&p, child.pid);
		child_tell(&child, 't');
		ck_assert_uint_eq(check_all_ways(&p, child.pid), before + 300);
		child_stop(&child);
		munmap(h.memory, 300 * every[i] * PAGE);
	}
}
END_TEST

START_TEST(more_than_one_buffer_is_read)
{
	automatic(pagemap) struct pagemap p = map_of();
	struct holes h = { memory_of(20000 * PAGE), 20000, 1 };

	if (!is_told(&p))
		return;
	struct child child = child_start(touch_some, &h);
	size_t before = check_all_ways(&p, child.pid);
	child_tell(&child, 't');
	ck_assert_uint_eq(check_all_ways(&p, child.pid), before + 20000);
	child_stop(&child);
}
END_TEST

/* Every second page of another protection: each is a mapping of its own. */
static void split_mappings(void *context, char command)
{
	const struct holes *h = context;
	size_t page = PAGE;

	for (size_t i = 0; command == 's' && i < h->n; i++)
		if (mprotect(h->memory + i * 2 * page, page, PROT_READ) < 0)
			break;
	touch_some(context, command);
}

START_TEST(sixty_thousand_mappings_cost_what_they_hold)
{
	automatic(pagemap) struct pagemap p = map_of();
	struct holes h = { memory_of(60000 * PAGE), 30000, 2 };

	if (!is_told(&p))
		return;
	struct child child = child_start(split_mappings, &h);
	child_tell(&child, 's');
	size_t n = check_all_ways(&p, child.pid);
	p.n_read = 0;
	struct list l;
	ck_assert_int_eq(read_list(&p, child.pid, true, false, &l), 0);
	/* Nothing of the 60000 is resident: it is not even looked at. */
	if (p.scans)
		ck_assert_uint_lt(p.n_read, n + 100 * 90);
	free(l.frames);
	child_stop(&child);
}
END_TEST

/* NULL where address spaces are smaller (512 GiB in User-Mode Linux), or overcommit is forbidden.
 */
static char *reserve(size_t bytes)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory != MAP_FAILED)
		return memory;
	puts("# skip: terabytes of address space are not to be had here");
	return NULL;
}

START_TEST(a_reservation_is_not_read)
{
	automatic(pagemap) struct pagemap p = map_of();
	struct holes h = { reserve(10 * TIB), 3, TIB / PAGE };
	if (!h.memory)
		return;
	struct child child = child_start(touch_some, &h);
	struct list l;

	if (!is_told(&p))
		return;
	child_tell(&child, 't');
	if (p.scans) {
		ck_assert_int_eq(read_list(&p, child.pid, true, false, &l), 0);
		ck_assert_uint_lt(p.n_read, 20000);
		free(l.frames);
	}
	/* Without PAGEMAP_SCAN it would take seconds: refused, before a single entry of it. */
	p.n_read = 0;
	ck_assert_int_eq(read_list(&p, child.pid, false, false, &l), -EFBIG);
	ck_assert_uint_lt(p.n_read, 20000);
	free(l.frames);
	child_stop(&child);
}
END_TEST

START_TEST(an_empty_reservation_is_not_read_before_6_7)
{
	automatic(pagemap) struct pagemap p = map_of();
	char *memory = reserve(50 * TIB);
	if (!memory)
		return;
	struct child child = child_start(touch_some, &(struct holes){ 0 });
	struct list l;

	if (!is_told(&p))
		return;
	ck_assert_int_eq(read_list(&p, child.pid, false, false, &l), 0);
	ck_assert_uint_lt(p.n_read, 20000);
	free(l.frames);
	child_stop(&child);
}
END_TEST

/* A file whose name looks like a line of maps, mapped; 'h' takes it back, and has run the code. */
static void map_forged(void *context, char command)
{
	const int *fd = context;
	void *file = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE, *fd, 0);

	if (command == 'h')
		munmap(file, PAGE);
}

START_TEST(names_forge_no_mappings)
{
	automatic(pagemap) struct pagemap p = map_of();
	char dir[] = "/dev/shm/cowrun-XXXXXX", name[200];

	if (!is_told(&p))
		return;
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(name, sizeof(name), "%s/x\n100000000000-7f0000000000 rw-p 00000000 00:00 0", dir);
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)PAGE), 0);
	struct child child = child_start(map_forged, &fd);
	size_t before = check_all_ways(&p, child.pid);
	child_tell(&child, 'm');
	ck_assert_uint_eq(check_all_ways(&p, child.pid), before + 1);
	child_stop(&child);
	close(fd);
	unlink(name);
	rmdir(dir);
}
END_TEST

START_TEST(the_dead_have_no_pages)
{
	automatic(pagemap) struct pagemap p = map_of();
	struct child child = child_start(touch_some, &(struct holes){ 0 });
	autofd int proc = proc_fd();
	autofd int dir = process_open(proc, child.pid);
	struct list l = { 0 };
	struct err e;

	ck_assert_int_ge(dir, 0);
	child_stop(&child);
	ck_assert_int_eq(process_open(proc, child.pid), -ESRCH);
	/* Its directory is still open, and stays its own. */
	ck_assert_int_eq(pagemap_read(&p, dir, false, collect, &l, &e), -ESRCH);
	ck_assert_uint_eq(l.n, 0);
}
END_TEST

START_TEST(a_visit_may_end_it)
{
	automatic(pagemap) struct pagemap p = map_of();
	autofd int proc = proc_fd();
	autofd int dir = process_open(proc, getpid());
	struct list l = { .failure = -ENOSPC };
	struct err e;

	ck_assert_int_eq(pagemap_read(&p, dir, false, collect, &l, &e), -ENOSPC);
	ck_assert_str_eq(e.text, "had enough");
}
END_TEST

static struct process_stat stat_of(int proc, pid_t pid)
{
	autofd int dir = process_open(proc, pid);
	struct process_stat stat;

	ck_assert_int_eq(process_read_stat(dir, &stat), 0);
	return stat;
}

/* Forked twins that wrote nothing differ in their stacks at least; a process is equal to itself. */
static void check_spaces(struct pagemap *p, bool orders)
{
	autofd int proc = proc_fd();
	automatic(spaces) struct spaces s;
	struct holes h = { 0 };
	struct child children[8];

	spaces_init(&s, proc, p);
	if (!orders)
		s.orders = false;
	for (size_t i = 0; i < 8; i++) {
		children[i] = child_start(touch_some, &h);
		struct process_stat stat = stat_of(proc, children[i].pid);
		ck_assert_int_eq(spaces_add(&s, children[i].pid, &stat), 1);
	}
	for (size_t i = 0; i < 8; i++) {
		struct process_stat stat = stat_of(proc, children[i].pid);
		ck_assert_int_eq(spaces_add(&s, children[i].pid, &stat), 0);
	}
	spaces_clear(&s);
	struct process_stat stat = stat_of(proc, children[0].pid);
	ck_assert_int_eq(spaces_add(&s, children[0].pid, &stat), 1);
	for (size_t i = 0; i < 8; i++)
		child_stop(&children[i]);
}

START_TEST(forked_twins_are_two_address_spaces)
{
	automatic(pagemap) struct pagemap p = map_of();

	check_spaces(&p, true);
	if (is_told(&p))
		check_spaces(&p, false);
}
END_TEST

START_TEST(equal_pages_are_one_address_space)
{
	automatic(pagemap) struct pagemap p = map_of();
	autofd int proc = proc_fd();
	struct holes h = { memory_of(100 * PAGE), 100, 1 };

	if (!is_told(&p))
		return;
	struct child a = child_start(touch_some, &h), b = child_start(touch_some, &h);
	autofd int of_a = process_open(proc, a.pid), of_b = process_open(proc, b.pid);
	ck_assert(pagemap_is_same(&p, of_a, of_a));
	ck_assert(!pagemap_is_same(&p, of_a, of_b));
	child_stop(&a);
	child_stop(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_pagemap");
	TCase *tests = tcase_create("pagemap");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, every_page_is_found_whatever_the_gaps);
	tcase_add_test(tests, more_than_one_buffer_is_read);
	tcase_add_test(tests, sixty_thousand_mappings_cost_what_they_hold);
	tcase_add_test(tests, a_reservation_is_not_read);
	tcase_add_test(tests, an_empty_reservation_is_not_read_before_6_7);
	tcase_add_test(tests, names_forge_no_mappings);
	tcase_add_test(tests, the_dead_have_no_pages);
	tcase_add_test(tests, a_visit_may_end_it);
	tcase_add_test(tests, forked_twins_are_two_address_spaces);
	tcase_add_test(tests, equal_pages_are_one_address_space);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
