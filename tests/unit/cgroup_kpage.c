/* What the kernel says of frames: kinds by flags, and what it says of pages of ours. */
#include <check.h>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "cgroup/kpage.h"
#include "tests/unit/run.h"

#define FLAG(bit) (1ULL << (bit))
#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

START_TEST(kinds_are_told_by_flags)
{
	static const struct {
		uint64_t flags;
		enum frame_kind kind;
	} cases[] = {
		{ 0, FRAME_FILE }, { FLAG(KPF_LRU) | FLAG(KPF_MMAP), FRAME_FILE },
		{ FLAG(KPF_ANON) | FLAG(KPF_SWAPBACKED) | FLAG(KPF_MMAP), FRAME_ANON },
		{ FLAG(KPF_ANON), FRAME_ANON }, /* given back by MADV_FREE */
		{ FLAG(KPF_SWAPBACKED) | FLAG(KPF_THP), FRAME_SHMEM },
		{ FLAG(KPF_ANON) | FLAG(KPF_KSM), FRAME_KSM },
		{ FLAG(KPF_HUGE) | FLAG(KPF_ANON), FRAME_HUGETLB },
		{ FLAG(KPF_NOPAGE), FRAME_SPECIAL },
		{ FLAG(KPF_ZERO_PAGE) | FLAG(KPF_THP), FRAME_SPECIAL },
		{ FLAG(32) | FLAG(KPF_MMAP), FRAME_SPECIAL }, /* the vdso */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_int_eq(kpage_kind(cases[i].flags), cases[i].kind);
}
END_TEST

struct bench {
	int proc, pagemap;
	struct kpage kpage;
	bool told;
};

static struct bench bench_open(void)
{
	struct bench b = { .proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };

	b.pagemap = openat(b.proc, "self/pagemap", O_RDONLY | O_CLOEXEC);
	kpage_init(&b.kpage, b.proc);
	b.told = b.kpage.count >= 0 && b.kpage.flags >= 0;
	if (!b.told)
		puts("# skip: page frames are not told here (no CAP_SYS_ADMIN)");
	return b;
}

static void bench_done(struct bench *b)
{
	kpage_done(&b->kpage);
	close(b->pagemap);
	close(b->proc);
}

static struct frame_fact fact_of(struct bench *b, const void *page)
{
	uint64_t entry = 0;
	struct frame_fact fact;
	struct err e;

	off_t at = (off_t)((uintptr_t)page / PAGE * sizeof(entry));
	ck_assert_int_eq(pread(b->pagemap, &entry, sizeof(entry), at), sizeof(entry));
	ck_assert(entry >> 63);
	uint64_t frame = entry & ((1ULL << 55) - 1);
	ck_assert_int_eq(kpage_look(&b->kpage, frame, 1, &fact, &e), 0);
	return fact;
}

/* A checkout on a tmpfs has its programs there too. */
static enum frame_kind kind_of_our_code(void)
{
	struct statfs fs;

	ck_assert_int_eq(statfs("/proc/self/exe", &fs), 0);
	return fs.f_type == TMPFS_MAGIC ? FRAME_SHMEM : FRAME_FILE;
}

START_TEST(our_own_pages_are_what_they_are)
{
	struct bench b = bench_open();
	volatile char *anon =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile char *shared =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (!b.told)
		return;
	anon[PAGE] = anon[0];
	shared[0] = 1;
	/* Also where the kernel says KSM of every anonymous page (6.12), or hides the zero page. */
	ck_assert_int_eq(fact_of(&b, (const void *)(anon + PAGE)).kind, FRAME_ANON);
	ck_assert_uint_eq(fact_of(&b, (const void *)(anon + PAGE)).mappings, 1);
	ck_assert_int_eq(
		fact_of(&b, (const void *)anon).kind, b.kpage.zero ? FRAME_SPECIAL : FRAME_ANON);
	ck_assert_int_eq(fact_of(&b, (const void *)shared).kind, FRAME_SHMEM);
	ck_assert_int_eq(fact_of(&b, (const void *)(uintptr_t)bench_open).kind, kind_of_our_code());
	bench_done(&b);
}
END_TEST

START_TEST(frames_beyond_memory_are_nobodys)
{
	struct bench b = bench_open();
	struct frame_fact facts[3];
	struct err e;

	if (!b.told)
		return;
	ck_assert_int_eq(kpage_look(&b.kpage, 1ULL << 39, 3, facts, &e), 0);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(facts[i].kind, FRAME_SPECIAL);
	bench_done(&b);
}
END_TEST

START_TEST(distrusted_counts_are_unknown)
{
	struct bench b = bench_open();
	static volatile char page;

	if (!b.told)
		return;
	page = 1;
	kpage_distrust(&b.kpage);
	struct frame_fact fact = fact_of(&b, (const void *)&page);
	ck_assert_uint_eq(fact.mappings, FRAMES_UNKNOWN);
	ck_assert_int_eq(fact.kind, FRAME_ANON);
	bench_done(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_kpage");
	TCase *tests = tcase_create("kpage");

	tcase_add_test(tests, kinds_are_told_by_flags);
	tcase_add_test(tests, our_own_pages_are_what_they_are);
	tcase_add_test(tests, frames_beyond_memory_are_nobodys);
	tcase_add_test(tests, distrusted_counts_are_unknown);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
