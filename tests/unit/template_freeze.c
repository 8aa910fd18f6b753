/* Freezing: that no program notices what is moved, and that forks copy nothing of it. */
#include <asm/prctl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

#include "tests/unit/freezing.h"

static char in_bss[4 * MIB];

static int looks_filled(void *at)
{
	return is_filled(at, LARGE);
}

START_TEST(memory_is_the_same_and_a_fork_has_no_page_tables_of_it)
{
	char *at = filled(LARGE);

	ck_assert_int_ge(in_fork(page_tables, NULL), PAGES_PLAIN);
	freeze_all();
	ck_assert(is_frozen(at));
	ck_assert_uint_ge(report.frozen.bytes, LARGE);
	ck_assert(is_filled(at, LARGE));
	ck_assert_int_lt(in_fork(page_tables, NULL), PAGES_FEW);
	ck_assert_int_eq(in_fork(looks_filled, at), 1);
	/* It is the file's now, and not there twice. */
	ck_assert_int_lt(value_of("/proc/self/status", "RssAnon:", NULL), 8 * (long)MIB);
}
END_TEST

START_TEST(pages_of_zeros_are_not_kept)
{
	char *at = anonymous(8 * MIB);

	memset(at, 0, 8 * MIB);
	at[5 * MIB] = 7;
	freeze_all();
	ck_assert_uint_ge(report.zero_bytes, 8 * MIB - PAGE);
	ck_assert_int_eq(at[5 * MIB], 7);
	at[5 * MIB] = 0;
	ck_assert(is_all(0, at, 8 * MIB));
}
END_TEST

/* (a): one byte that is written, and forks copy the page tables of all that was read as well. */

static char *served; /* what serving writes */

static int serve(void *unused)
{
	(void)unused;
	served[LARGE / 2]++;
	served[LARGE / 2 + PAGE]++;
	served[LARGE - 1]++;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

START_TEST(without_a_rehearsal_one_written_page_makes_all_hot)
{
	served = filled(LARGE);
	freeze_all();
	ck_assert(is_filled(served, LARGE));
	serve(NULL);
	ck_assert_int_ge(in_fork(page_tables, NULL), PAGES_PLAIN);
}
END_TEST

START_TEST(pages_written_in_the_rehearsal_are_split_off)
{
	char *other = filled(2 * MIB);

	served = filled(LARGE);
	freeze_as(&(struct freeze_options){ .ask = FREEZE_ALWAYS, .rehearse = serve });
	ck_assert_int_eq(report.verdict, FREEZE_DONE);
	ck_assert_uint_ge(report.left[FREEZE_HOT].bytes, 3 * PAGE);
	ck_assert_uint_eq(report.still_hot.bytes, 0);
	ck_assert(is_frozen(served) && is_frozen(served + LARGE / 2 - 1));
	ck_assert(!is_frozen(served + LARGE / 2) && !is_frozen(served + LARGE - 1));
	ck_assert(is_frozen(served + LARGE / 2 + 2 * PAGE));
	/* two rehearsals, the second of which wrote nothing that is frozen */
	ck_assert_int_eq(served[LARGE / 2], pattern(LARGE / 2) + 2);
	served[LARGE / 2] = pattern(LARGE / 2);
	served[LARGE / 2 + PAGE] = pattern(LARGE / 2 + PAGE);
	ck_assert(is_filled(served, LARGE));
	serve(NULL);
	ck_assert_int_lt(in_fork(page_tables, NULL), PAGES_FEW);
	ck_assert(is_filled(other, 2 * MIB));
}
END_TEST

static int serve_everywhere(void *unused)
{
	(void)unused;
	for (size_t i = 1; i < LARGE; i += MIB)
		served[i]++;
	return 0;
}

START_TEST(too_many_hot_pages_are_told)
{
	served = filled(LARGE);
	freeze_as(&(struct freeze_options){ .ask = FREEZE_ALWAYS, .rehearse = serve_everywhere });
	ck_assert_int_eq(report.verdict, FREEZE_DONE);
	ck_assert_uint_ge(report.still_hot.bytes, LARGE);
	ck_assert(is_filled(served, LARGE));
}
END_TEST

START_TEST(what_is_to_be_kept_is)
{
	char *at = filled(LARGE);
	struct freeze_range keep[] = { { at + 3 * MIB + 5, 10 }, { at + 2 * MIB, 2 * MIB },
		{ at + LARGE - PAGE, PAGE }, { at + 3 * MIB, PAGE } };

	freeze_as(&(struct freeze_options){ .ask = FREEZE_ALWAYS, .keep = keep, .n_keep = 4 });
	ck_assert_uint_ge(report.left[FREEZE_KEPT].bytes, 2 * MIB + PAGE);
	ck_assert(!is_frozen(at + 2 * MIB) && !is_frozen(at + 4 * MIB - 1));
	ck_assert(!is_frozen(at + LARGE - 1));
	ck_assert(is_frozen(at) && is_frozen(at + 2 * MIB - 1) && is_frozen(at + 4 * MIB));
	at[2 * MIB + 1] = 1;
	ck_assert(is_filled(at, LARGE));
	ck_assert_int_lt(in_fork(page_tables, NULL), PAGES_FEW);
}
END_TEST

/* (b): what MADV_DONTNEED gives back, and that an allocator of glibc bears it. */

START_TEST(dontneed_gives_back_what_was_frozen)
{
	char *at = filled(MIB);

	freeze_all();
	memset(at, 0, MIB);
	ck_assert_int_eq(madvise(at, MIB, MADV_DONTNEED), 0);
	ck_assert(is_filled(at, MIB)); /* zeros, were it not frozen: why `auto` has a list */
	ck_assert_int_eq(madvise(at, MIB, MADV_FREE), -1);
}
END_TEST

START_TEST(the_allocator_of_glibc_bears_it)
{
	enum { N = 2000 };
	static char *blocks[N];

	for (int i = 0; i < N; i++)
		memset(blocks[i] = malloc((size_t)i * 17 + 1), 0xaa, (size_t)i * 17 + 1);
	filled(MIB); /* what lies between it and libc's own */
	char *mapped = malloc(MIB);
	memset(mapped, 0xaa, MIB);
	freeze_all();
	ck_assert(is_frozen(blocks[N / 2]));
	for (int i = 0; i < N; i += 2)
		free(blocks[i]);
	malloc_trim(0);
	for (int i = 0; i < N; i += 2) {
		blocks[i] = calloc(1, (size_t)i * 17 + 1);
		ck_assert(is_all(0, blocks[i], (size_t)i * 17 + 1));
	}
	for (int i = 1; i < N; i += 2)
		ck_assert(is_all((char)0xaa, blocks[i], (size_t)i * 17 + 1));
	/* It grows by mremap(): behind it lie zeros, and no end of the file. */
	char *grown = realloc(mapped, 64 * MIB);
	ck_assert_ptr_nonnull(grown);
	ck_assert(is_frozen(grown));
	ck_assert_int_eq(grown[MIB - 17], (char)0xaa);
	ck_assert_int_eq(grown[MIB], 0);
	memset(grown, 1, 64 * MIB);
}
END_TEST

START_TEST(a_mapping_that_grows_finds_zeros_behind_it)
{
	char *at = filled(MIB), *next = filled(MIB);

	freeze_all();
	at = mremap(at, MIB, 3 * MIB, MREMAP_MAYMOVE);
	ck_assert(at != MAP_FAILED && is_frozen(at));
	ck_assert(is_filled(at, MIB) && is_filled(next, MIB));
	ck_assert(is_all(0, at + MIB, 2 * MIB));
}
END_TEST

/* (c): the code's own memory is never in what it moves. */

START_TEST(memory_beside_its_own_is_moved_whole)
{
	fill(in_bss, sizeof(in_bss)); /* as the report is: in one mapping with it */
	char *at = filled(LARGE);

	freeze_all();
	/* what was written to the report at last has not made its neighbours hot */
	ck_assert_int_eq(value_of("/proc/self/smaps", "Anonymous:", in_bss + 2 * MIB), 0);
	ck_assert(is_frozen(in_bss + 2 * MIB));
	ck_assert(!is_frozen(&report));
	ck_assert(is_filled(in_bss, sizeof(in_bss)));
	ck_assert(is_filled(at, LARGE));
}
END_TEST

static ucontext_t back, inside;

static void freeze_inside(void)
{
	char local[512];

	fill(local, sizeof(local));
	freeze_all();
	ck_assert(is_filled(local, sizeof(local)));
	ck_assert(!is_frozen(local));
}

START_TEST(a_stack_in_the_heap_is_left)
{
	char *at = filled(LARGE);

	ck_assert_int_eq(getcontext(&inside), 0);
	inside.uc_stack = (stack_t){ .ss_sp = at + 32 * MIB, .ss_size = 8 * MIB };
	inside.uc_link = &back;
	makecontext(&inside, freeze_inside, 0);
	ck_assert_int_eq(swapcontext(&back, &inside), 0);
	ck_assert_uint_gt(report.left[FREEZE_KEPT].bytes, 0);
	ck_assert(is_frozen(at) && is_frozen(at + 16 * MIB) && is_frozen(at + 64 * MIB));
	ck_assert(is_filled(at, 32 * MIB) && is_filled_from(at, 40 * MIB, LARGE));
}
END_TEST

#ifdef __x86_64__
/* As a static program has it: its thread's record in the heap, where the kernel writes to it. */
START_TEST(memory_around_the_thread_pointer_is_left)
{
	char *at = filled(LARGE), *record = __builtin_thread_pointer();
	unsigned long there = (unsigned long)at + LARGE / 2;

	memcpy(at + LARGE / 2, record, PAGE / 2);
	syscall(SYS_arch_prctl, ARCH_SET_FS, there);
	int r = template_freeze(&(struct freeze_options){ .ask = FREEZE_ALWAYS }, &report);
	syscall(SYS_arch_prctl, ARCH_SET_FS, record);
	ck_assert_int_eq(r, 0);
	ck_assert(is_frozen(at) && is_frozen(at + LARGE - 1));
	ck_assert(!is_frozen(at + LARGE / 2) && !is_frozen(at + LARGE / 2 + PAGE / 2));
	ck_assert(is_filled(at, LARGE / 2));
}
END_TEST
#endif

/* Not one that was written between the copy of its page and the mapping is lost. */
static volatile unsigned *counted, *counted_shared;

static void count(int unused)
{
	(void)unused;
	++*counted;
	++*counted_shared;
}

START_TEST(no_signal_comes_in_between)
{
	struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { 0 };
	char *at = filled(LARGE);

	counted = (unsigned *)(at + LARGE / 2);
	*counted = 0;
	counted_shared =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signal(SIGALRM, count);
	setitimer(ITIMER_REAL, &often, NULL);
	freeze_all();
	setitimer(ITIMER_REAL, &never, NULL);
	ck_assert_uint_gt(*counted_shared, 0);
	ck_assert_uint_eq(*counted, *counted_shared);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("template freeze");
	TCase *c = tcase_create("freeze");

	tcase_add_test(c, memory_is_the_same_and_a_fork_has_no_page_tables_of_it);
	tcase_add_test(c, pages_of_zeros_are_not_kept);
	tcase_add_test(c, without_a_rehearsal_one_written_page_makes_all_hot);
	tcase_add_test(c, pages_written_in_the_rehearsal_are_split_off);
	tcase_add_test(c, too_many_hot_pages_are_told);
	tcase_add_test(c, what_is_to_be_kept_is);
	tcase_add_test(c, dontneed_gives_back_what_was_frozen);
	tcase_add_test(c, the_allocator_of_glibc_bears_it);
	tcase_add_test(c, a_mapping_that_grows_finds_zeros_behind_it);
	tcase_add_test(c, memory_beside_its_own_is_moved_whole);
	tcase_add_test(c, a_stack_in_the_heap_is_left);
#ifdef __x86_64__
	tcase_add_test(c, memory_around_the_thread_pointer_is_left);
#endif
	tcase_add_test(c, no_signal_comes_in_between);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
