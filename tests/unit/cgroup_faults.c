/* Counted page faults of a process that does what it is told, and what is left of limits. */
#include "cgroup/faults.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "cgroup/headroom.h"
#include "tests/unit/child.h"
#include "tests/unit/run.h"

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
#ifdef __SANITIZE_ADDRESS__
#define SLACK 16 /* the sanitizer's own pages */
#else
#define SLACK 0
#endif

struct scene {
	char *inherited; /* 100 pages, present before the fork */
	size_t written;
	char *fresh; /* 100 pages, not present */
	size_t touched;
};

static struct scene scene_make(void)
{
	struct scene s = { 0 };
	size_t page = PAGE;
	char **both[] = { &s.inherited, &s.fresh };

	for (int i = 0; i < 2; i++) {
		*both[i] = mmap(NULL, 100 * page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ck_assert_ptr_ne(*both[i], MAP_FAILED);
		madvise(*both[i], 100 * page, MADV_NOHUGEPAGE);
	}
	memset(s.inherited, 1, 100 * page);
	return s;
}

static void write_inherited(struct scene *s, size_t n)
{
	size_t page = PAGE;

	for (size_t i = 0; i < n; i++)
		((volatile char *)s->inherited)[s->written++ * page] = 2;
}

static void fork_and_write(struct scene *s)
{
	pid_t pid = fork();

	if (pid == 0) {
		write_inherited(s, 20);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* Ten inherited pages; five fresh ones; four inherited ones by the kernel; twenty by a child. */
static void act(void *context, char command)
{
	struct scene *s = context;
	size_t page = PAGE;

	/* 'h' breaks the stack, all of it that is used. */
	*(volatile size_t *)&s->written += 0;
	if (command == 'w')
		write_inherited(s, 10);
	for (int i = 0; command == 'f' && i < 5; i++)
		((volatile char *)s->fresh)[s->touched++ * page] = 1;
	if (command == 'k') {
		int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
		for (int i = 0; i < 4; i++)
			if (read(fd, s->inherited + s->written++ * page, 1) != 1)
				_exit(1);
		close(fd);
	}
	if (command == 'c')
		fork_and_write(s);
}

static uint64_t value(const struct fault_counters *c, enum fault_kind kind)
{
	struct fault_counts counts = fault_counters_read(c);

	ck_assert(counts.of[kind].set);
	return counts.of[kind].value;
}

START_TEST(faults_are_counted_one_by_one)
{
	automatic(fault_counters) struct fault_counters c = { 0 };
	struct scene s = scene_make();
	struct child child = child_start(act, &s);
	struct err e;

	child_tell(&child, 'h');
	ck_assert_int_eq(fault_counters_open(&c, -1, &child.pid, 1, &e), 0);
	ck_assert(!c.by_group);
	for (int kind = 0; kind < FAULT_KINDS; kind++)
		if (c.why[kind].code) {
			printf("# skip: %s\n", c.why[kind].text);
			child_stop(&child);
			return;
		}
	child_tell(&child, 'w');
	ck_assert_uint_eq(value(&c, FAULT_WRITE_PROTECT), 10);
	ck_assert_uint_eq(value(&c, FAULT_MINOR), 10);
	child_tell(&child, 'f');
	ck_assert_uint_eq(value(&c, FAULT_WRITE_PROTECT), 10);
	ck_assert_uint_ge(value(&c, FAULT_MINOR), 15);
	ck_assert_uint_le(value(&c, FAULT_MINOR), 15 + SLACK);
	uint64_t before = value(&c, FAULT_WRITE_PROTECT);
	child_tell(&child, 'k');
	ck_assert_uint_ge(value(&c, FAULT_WRITE_PROTECT), before + 4);
	ck_assert_uint_le(value(&c, FAULT_WRITE_PROTECT), before + 4 + SLACK);
	/* What it forks is counted too, with its stack and what fork() itself writes. */
	before = value(&c, FAULT_WRITE_PROTECT);
	child_tell(&child, 'c');
	ck_assert_uint_ge(value(&c, FAULT_WRITE_PROTECT), before + 20);
	ck_assert_uint_le(value(&c, FAULT_WRITE_PROTECT), before + 20 + 60);
	ck_assert_uint_eq(value(&c, FAULT_MAJOR), 0);
	child_stop(&child);
}
END_TEST

START_TEST(the_dead_are_not_counted)
{
	automatic(fault_counters) struct fault_counters c = { 0 };
	struct scene s = scene_make();
	struct child child = child_start(act, &s);
	struct err e;

	child_stop(&child);
	ck_assert_int_eq(fault_counters_open(&c, -1, &child.pid, 1, &e), 0);
	for (int kind = 0; kind < FAULT_KINDS; kind++) {
		ck_assert_int_ne(c.why[kind].code, 0);
		ck_assert(!fault_counters_read(&c).of[kind].set);
	}
}
END_TEST

START_TEST(the_limit_that_leaves_least_counts)
{
	struct headroom h = { 0 };

	headroom_add_limit(&h, UINT64_MAX, 500, 0);
	ck_assert(!h.limit.set && !h.limit_left.set);
	headroom_add_limit(&h, 1000, 600, 100);
	ck_assert_uint_eq(h.limit.value, 1000);
	ck_assert_uint_eq(h.limit_left.value, 500);
	headroom_add_limit(&h, 9000, 8900, 0);
	ck_assert_uint_eq(h.limit.value, 9000);
	ck_assert_uint_eq(h.limit_left.value, 100);
	headroom_add_limit(&h, 2000, 1000, 2000);
	ck_assert_uint_eq(h.limit_left.value, 100);
	/* A limit that was lowered below what is used. */
	headroom_add_limit(&h, 2000, 3000, 0);
	ck_assert_uint_eq(h.limit_left.value, 0);
}
END_TEST

START_TEST(meminfo_is_read)
{
	struct headroom h = { 0 };

	headroom_add_meminfo(&h, "MemTotal:  8 kB\nMemAvailable:      3 kB\nCommitLimit: 100 kB\n"
				 "Committed_AS:   70 kB\nHugeMemAvailable: 9 kB\n");
	ck_assert_uint_eq(h.available.value, 3072);
	ck_assert_uint_eq(h.commit_limit.value, 102400);
	ck_assert_uint_eq(h.committed.value, 71680);
	struct headroom none = { 0 };
	headroom_add_meminfo(&none, "");
	ck_assert(!none.available.set && !none.commit_limit.set && !none.committed.set);
}
END_TEST

#define MIB(n)                                                                                     \
	{                                                                                          \
		true, (n)*1048576ULL                                                               \
	}

static const struct {
	struct headroom h;
	uint64_t need;
	const char *text; /* NULL: enough */
} rooms[] = {
	{ { .limit_left = MIB(300) }, 300ULL << 20, NULL },
	{ { .limit_left = MIB(300) }, (300ULL << 20) + 1, "its limit leaves 300.0 MiB" },
	{ { .available = MIB(100) }, 200ULL << 20, "the host has 100.0 MiB available" },
	{ { .limit_left = MIB(300), .available = MIB(100) }, 200ULL << 20,
		"the host has 100.0 MiB available" },
	{ { .limit_left = MIB(50), .available = MIB(100) }, 200ULL << 20,
		"its limit leaves 50.0 MiB" },
	{ { .available = MIB(100), .overcommit = { true, OVERCOMMIT_NEVER } }, 200ULL << 20, NULL },
	{ { .limit_left = MIB(150),
		  .available = MIB(100),
		  .overcommit = { true, OVERCOMMIT_NEVER } },
		200ULL << 20, "its limit leaves 150.0 MiB" },
	{ { .available = { false, 0 } }, UINT64_MAX, NULL },
};

START_TEST(what_is_too_much)
{
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		char text[HEADROOM_TEXT] = "";
		bool exceeded = headroom_is_exceeded(&rooms[i].h, rooms[i].need, text);
		ck_assert_msg(exceeded == (rooms[i].text != NULL), "row %zu", i);
		if (exceeded)
			ck_assert_str_eq(text, rooms[i].text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_faults");
	TCase *tests = tcase_create("faults");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, faults_are_counted_one_by_one);
	tcase_add_test(tests, the_dead_are_not_counted);
	tcase_add_test(tests, the_limit_that_leaves_least_counts);
	tcase_add_test(tests, meminfo_is_read);
	tcase_add_test(tests, what_is_too_much);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
