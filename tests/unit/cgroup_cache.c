/* The page cache of an open file: what is in memory, what of that is mapped, and nothing read in. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cgroup/cache.h"
#include "tests/unit/run.h"

#define PAGE ((uint64_t)sysconf(_SC_PAGESIZE))

struct bench {
	struct cache cache;
	int file;
};

/* A file without a name of `pages`, of which only those listed (to 0) were ever written. */
static struct bench bench_open(uint64_t pages, const uint64_t *written)
{
	struct bench b = { .file = open("/var/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600) };
	autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(b.file, 0);
	ck_assert_int_eq(ftruncate(b.file, (off_t)(pages * PAGE)), 0);
	for (; *written; written++)
		ck_assert_int_eq(pwrite(b.file, "x", 1, (off_t)(*written * PAGE)), 1);
	cache_init(&b.cache, proc);
	return b;
}

static void bench_done(struct bench *b)
{
	cache_done(&b->cache);
	close(b->file);
}

static uint64_t resident(const struct bench *b)
{
	uint64_t bytes = 0;

	ck_assert_int_eq(cache_resident(&b->cache, b->file, &bytes), 0);
	return bytes / PAGE;
}

static uint64_t mapped(struct bench *b)
{
	uint64_t bytes = 0;

	ck_assert_int_eq(cache_mapped(&b->cache, b->file, &bytes), 0);
	return bytes / PAGE;
}

static bool tells(const struct bench *b)
{
	if (b->cache.pagemap >= 0 && b->cache.kpage.count >= 0)
		return true;
	puts("# skip: page frames are not told here (no CAP_SYS_ADMIN)");
	return false;
}

static const uint64_t some[] = { 3, 4, 700, 0 };

START_TEST(pages_in_memory_are_counted)
{
	struct bench b = bench_open(1000, some);

	ck_assert_uint_eq(resident(&b), 3);
	b.cache.counts = false; /* as before 6.5 */
	ck_assert_uint_eq(resident(&b), 3);
	bench_done(&b);
}
END_TEST

START_TEST(an_empty_file_has_none)
{
	static const uint64_t none[] = { 0 };
	struct bench b = bench_open(0, none);

	ck_assert_uint_eq(resident(&b), 0);
	if (tells(&b))
		ck_assert_uint_eq(mapped(&b), 0);
	bench_done(&b);
}
END_TEST

START_TEST(those_that_somebody_maps_are_told)
{
	struct bench b = bench_open(1000, some);

	if (tells(&b)) {
		ck_assert_uint_eq(mapped(&b), 0);
		volatile char *at = mmap(NULL, 1000 * PAGE, PROT_READ, MAP_SHARED, b.file, 0);
		ck_assert_int_eq(at[700 * PAGE], 'x');
		ck_assert_uint_eq(mapped(&b), 1);
		ck_assert_int_eq(at[4 * PAGE], 'x'); /* page 3 may come with it */
		ck_assert_uint_ge(mapped(&b), 2);
		munmap((void *)at, 1000 * PAGE);
		ck_assert_uint_eq(mapped(&b), 0);
		b.cache.counts = false;
		ck_assert_uint_eq(mapped(&b), 0);
	}
	bench_done(&b);
}
END_TEST

START_TEST(the_looking_reads_nothing_in)
{
	struct bench b = bench_open(1000, some);

	/* On a disk they go, on tmpfs they stay: as they are before, they are after. */
	fsync(b.file);
	posix_fadvise(b.file, 0, 0, POSIX_FADV_DONTNEED);
	uint64_t before = resident(&b), frame = 1;
	if (tells(&b)) {
		mapped(&b);
		ck_assert_int_eq(cache_frame(&b.cache, b.file, 4, &frame), 0);
		ck_assert_int_eq(frame != 0, before == 3);
	}
	ck_assert_uint_eq(resident(&b), before);
	b.cache.counts = false;
	ck_assert_uint_eq(resident(&b), before);
	bench_done(&b);
}
END_TEST

START_TEST(a_sparse_file_costs_no_more_than_its_pages)
{
	static const uint64_t far[] = { 1, 0x3fffffff, 0 };
	struct bench b = bench_open(0x40000000, far);
	uint64_t bytes;

	ck_assert_uint_eq(resident(&b), 2);
	if (tells(&b))
		ck_assert_uint_eq(mapped(&b), 0);
	b.cache.counts = false;
	ck_assert_int_eq(cache_resident(&b.cache, b.file, &bytes), -EFBIG);
	if (tells(&b))
		ck_assert_int_eq(cache_mapped(&b.cache, b.file, &bytes), -EFBIG);
	bench_done(&b);
}
END_TEST

START_TEST(frames_tell_files_apart)
{
	struct bench a = bench_open(10, (const uint64_t[]){ 3, 0 });
	struct bench b = bench_open(10, (const uint64_t[]){ 3, 0 });
	uint64_t first = 0, again = 0, other = 0;

	if (tells(&a)) {
		ck_assert_int_eq(cache_frame(&a.cache, a.file, 3, &first), 0);
		ck_assert_int_eq(cache_frame(&b.cache, a.file, 3, &again), 0);
		ck_assert_int_eq(cache_frame(&b.cache, b.file, 3, &other), 0);
		ck_assert_uint_ne(first, 0);
		ck_assert_uint_eq(first, again);
		ck_assert_uint_ne(first, other);
		ck_assert_int_eq(cache_frame(&a.cache, a.file, 5, &first), 0);
		ck_assert_uint_eq(first, 0);
		ck_assert_int_eq(cache_frame(&a.cache, a.file, 1000, &first), 0);
		ck_assert_uint_eq(first, 0);
	}
	bench_done(&a);
	bench_done(&b);
}
END_TEST

START_TEST(without_the_privilege_nothing_is_told)
{
	struct bench b = bench_open(1000, some);
	uint64_t bytes;

	own_close(&b.cache.pagemap);
	b.cache.pagemap = -1;
	ck_assert_int_eq(cache_mapped(&b.cache, b.file, &bytes), -ENOTSUP);
	ck_assert_int_eq(cache_frame(&b.cache, b.file, 3, &bytes), -ENOTSUP);
	bench_done(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup/cache");
	TCase *tcase = tcase_create("cache");

	tcase_add_test(tcase, pages_in_memory_are_counted);
	tcase_add_test(tcase, an_empty_file_has_none);
	tcase_add_test(tcase, those_that_somebody_maps_are_told);
	tcase_add_test(tcase, the_looking_reads_nothing_in);
	tcase_add_test(tcase, a_sparse_file_costs_no_more_than_its_pages);
	tcase_add_test(tcase, frames_tell_files_apart);
	tcase_add_test(tcase, without_the_privilege_nothing_is_told);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
