/*
 * Trees whose sharing is known: what the census says of them is compared to the page, with what
 * they did, and with a model that finds it the long way.
 */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "cgroup/process.h"
#include "tests/unit/model.h"
#include "tests/unit/run.h"

#define LARGE ((size_t)2 << 20)

/* Four, of which the first forked the others when it had the memory. 'd' gives it back. */
#define FAMILY 4
#define FAMILY_BYTES (64 * MIB)

struct family {
	char *memory;
	struct child children[FAMILY - 1];
	pid_t *pids; /* shared with us */
};

/* Private, but of files: which pages of libc others happen to map is not ours to say. */
static uint64_t own_of(const struct memory_usage *u)
{
	return u->kinds->anon.private_bytes + u->kinds->forked.private_bytes;
}

static pid_t *shared_pids(void)
{
	pid_t *pids = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(pids, MAP_FAILED);
	memset(pids, 0, PAGE);
	return pids;
}

static void give_back(void *context, char command)
{
	madvise(context, command == 'd' ? FAMILY_BYTES : 0, MADV_DONTNEED);
}

static void found(void *context, char command)
{
	struct family *f = context;

	if (command == 'f') {
		f->memory = memory_of(FAMILY_BYTES);
		touch(f->memory, FAMILY_BYTES);
		for (size_t i = 0; i < FAMILY - 1; i++) {
			f->children[i] = child_start(give_back, f->memory);
			f->pids[i + 1] = f->children[i].pid;
		}
	}
	for (size_t i = 0; f->memory && i < FAMILY - 1; i++)
		child_tell(&f->children[i], command);
	give_back(f->memory, command);
}

/* What others say of the same four: the sum of what each has alone. */
static uint64_t uss_of(const pid_t *pids, size_t n)
{
	autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t uss = 0;

	for (size_t i = 0; i < n; i++) {
		struct process_rollup rollup;
		autofd int dir = process_open(proc, pids[i]);
		ck_assert_int_eq(process_read_rollup(dir, &rollup), 0);
		uss += rollup.uss;
	}
	return uss;
}

START_TEST(four_that_share_64_mib_have_64_mib)
{
	struct family f = { .pids = shared_pids() };

	if (!is_told() || !is_small())
		return;
	struct still first = still_start(found, &f);
	child_tell(&first.child, 'f');
	child_tell(&first.child, 'n');
	f.pids[0] = first.child.pid;
	struct census_thing t = thing("family", f.pids, FAMILY);
	struct census with = take_modelled(&t, 1, NULL);
	ck_assert_uint_lt(uss_of(f.pids, FAMILY), MIB);
	child_tell(&first.child, 'd');
	struct census without = take_modelled(&t, 1, NULL);
	ck_assert_uint_eq(with.usages[0].processes, FAMILY);
	ck_assert_uint_eq(own_of(&with.usages[0]) - own_of(&without.usages[0]), FAMILY_BYTES);
	ck_assert_uint_eq(with.usages[0].kinds->forked.private_bytes -
				  without.usages[0].kinds->forked.private_bytes,
		FAMILY_BYTES);
	census_done(&with);
	census_done(&without);
	still_stop(&first);
}
END_TEST

/* A large page, a child that inherits it and writes one small page of it, and both of them. */
struct pair {
	char *memory;
	size_t at;
	struct child child;
	pid_t *pids; /* shared with us */
};

static void write_one(void *context, char command)
{
	const struct pair *p = context;

	touch(p->memory + p->at, command == 'w' ? PAGE : 0);
}

static void fork_large(void *context, char command)
{
	struct pair *p = context;

	if (command == 'f') {
		p->memory = memory_of(2 * LARGE);
		p->memory = (char *)(((uintptr_t)p->memory + LARGE - 1) & ~(LARGE - 1));
		madvise(p->memory, LARGE, MADV_HUGEPAGE);
		touch(p->memory, LARGE);
		p->child = child_start(write_one, p);
		p->pids[1] = p->child.pid;
	} else if (p->child.pid) {
		child_tell(&p->child, command);
	}
}

static void check_one_broken(size_t at)
{
	struct pair p = { .at = at, .pids = shared_pids() };
	struct still parent = still_start(fork_large, &p);

	child_tell(&parent.child, 'f');
	child_tell(&parent.child, 'n');
	p.pids[0] = parent.child.pid;
	struct census_thing things[] = { thing("parent", &p.pids[0], 1),
		thing("child", &p.pids[1], 1) };
	struct census before = take_modelled(things, 2, NULL);
	child_tell(&parent.child, 'w');
	struct census after = take_modelled(things, 2, NULL);
	if (before.usages[0].large.value < LARGE)
		puts("# skip: this host gives no large pages; small ones are tried");
	else
		ck_assert_uint_ge(after.usages[1].large.value, LARGE - PAGE);
	/* One page less is of both, and each has one of its own: not the whole large page. */
	ck_assert_uint_eq(
		census_shared(&before, 0, 1).value - census_shared(&after, 0, 1).value, PAGE);
	for (size_t i = 0; i < 2; i++) {
		const struct memory_usage *was = &before.usages[i], *is = &after.usages[i];
		ck_assert_uint_eq(own_of(is) - own_of(was), PAGE);
		ck_assert_uint_eq(is->unique.value, was->unique.value);
		ck_assert_uint_eq(
			was->kinds->forked.shared_bytes - is->kinds->forked.shared_bytes, PAGE);
		ck_assert_uint_eq(
			is->kinds->anon.private_bytes - was->kinds->anon.private_bytes, PAGE);
	}
	census_done(&before);
	census_done(&after);
	still_stop(&parent);
	munmap(p.pids, PAGE);
}

/* Of the first page too: some kernels judge a whole large page by its first one. */
START_TEST(a_page_broken_out_of_a_large_one_is_one_page)
{
	if (!is_told() || !is_small())
		return;
	check_one_broken(100 * PAGE);
	check_one_broken(0);
}
END_TEST

static void map_twice(void *context, char command)
{
	int fd = *(const int *)context;
	volatile char sum = 0;

	for (size_t round = 0; command == 'm' && round < 2; round++) {
		char *at = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 0);
		for (size_t i = 0; at != MAP_FAILED && i < MIB; i += PAGE)
			sum = (char)(sum + at[i]);
	}
}

START_TEST(a_file_mapped_twice_in_one_process_counts_once)
{
	int fd = memfd_create("twice", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, MIB), 0);
	if (!is_told() || !is_small())
		return;
	struct still twice = still_start(map_twice, &fd);
	struct census_thing t = thing("twice", &twice.child.pid, 1);
	struct census before = take_modelled(&t, 1, NULL);
	child_tell(&twice.child, 'm');
	struct census after = take_modelled(&t, 1, NULL);
	ck_assert_uint_eq(after.usages[0].kinds->shmem.private_bytes -
				  before.usages[0].kinds->shmem.private_bytes,
		MIB);
	ck_assert_uint_eq(after.usages[0].kinds->shmem.shared_bytes,
		before.usages[0].kinds->shmem.shared_bytes);
	census_done(&before);
	census_done(&after);
	still_stop(&twice);
}
END_TEST

/*
 * The same file of a layer, in two overlays: one inode, two devices and two names. 'h' takes all
 * back: code that was never run before is mapped by its first run.
 */
static void map_path(void *context, char command)
{
	const char *path = context;
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	volatile char sum = 0;
	char *at = fd < 0 ? MAP_FAILED : mmap(NULL, MIB, PROT_READ, MAP_PRIVATE, fd, 0);

	for (size_t i = 0; at != MAP_FAILED && i < MIB; i += PAGE)
		sum = (char)(sum + at[i]);
	if (command == 'h')
		munmap(at, MIB);
}

static bool make_overlays(const char *dir)
{
	static char bytes[1 << 20];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", dir, "tmpfs", 0, NULL) < 0 || chdir(dir) < 0)
		return false;
	mkdir("layer", 0755);
	mkdir("other", 0755);
	mkdir("a", 0755);
	mkdir("b", 0755);
	autofd int fd = open("layer/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	return fd >= 0 && write(fd, bytes, sizeof(bytes)) == sizeof(bytes) &&
	       mount("overlay", "a", "overlay", MS_RDONLY, "lowerdir=layer:other") == 0 &&
	       mount("overlay", "b", "overlay", MS_RDONLY, "lowerdir=other:layer") == 0;
}

static const struct census_file *file_named(const struct census *c, const char *end)
{
	const struct census_file *found = NULL;

	for (size_t i = 0; i < c->n_files; i++) {
		const char *path = c->files[i].path;
		size_t n = path ? strlen(path) : 0;
		if (n >= strlen(end) && strcmp(path + n - strlen(end), end) == 0) {
			ck_assert_ptr_null(found);
			found = &c->files[i];
		}
	}
	return found;
}

static void check_overlays(void)
{
	static char a_path[] = "a/file", b_path[] = "b/file";
	static const struct census_options files = { .details = CENSUS_FILES };
	struct still a = still_start(map_path, a_path), b = still_start(map_path, b_path);
	struct census_thing things[] = { thing("a", &a.child.pid, 1), thing("b", &b.child.pid, 1) };
	struct census none = take_modelled(things, 2, &files);

	ck_assert_ptr_null(file_named(&none, "/file"));
	child_tell(&a.child, 'm');
	struct census one = take_modelled(things, 2, &files);
	ck_assert_ptr_nonnull(file_named(&one, "/file"));
	ck_assert_uint_eq(file_named(&one, "/file")->private, MIB);
	child_tell(&b.child, 'm');
	struct census two = take_modelled(things, 2, &files);
	ck_assert_uint_eq(census_shared(&two, 0, 1).value - census_shared(&none, 0, 1).value, MIB);
	const struct census_file *file = file_named(&two, "/file");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(file->unique, MIB);
	ck_assert_uint_eq(file->private, 0);
	ck_assert_uint_eq(file->outside, 0);
	ck_assert_uint_eq(file->n_parts, 2);
	ck_assert(file->parts[0].bytes == MIB && file->parts[1].bytes == MIB);
	census_done(&none);
	census_done(&one);
	census_done(&two);
	still_stop(&a);
	still_stop(&b);
}

START_TEST(a_file_of_two_overlays_is_one_file)
{
	char dir[] = "/tmp/cowrun-overlays-XXXXXX";

	if (!is_told() || !is_small())
		return;
	ck_assert_ptr_nonnull(mkdtemp(dir));
	bool made = make_overlays(dir);
	if (made)
		check_overlays();
	else
		puts("# skip: no overlays here");
	ck_assert_int_eq(chdir("/"), 0);
	umount2(dir, MNT_DETACH);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* The kernel's own merging, which is off on most hosts: on for this test, and then as it was. */
#define KSM "/sys/kernel/mm/ksm/"
static const char *const ksm_knobs[] = { KSM "run", KSM "sleep_millisecs", KSM "pages_to_scan" };
static char ksm_were[3][32];

static bool put(const char *path, const char *text)
{
	autofd int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static void ksm_remember(void)
{
	for (size_t i = 0; i < 3; i++) {
		autofd int fd = open(ksm_knobs[i], O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, ksm_were[i], sizeof(ksm_were[i]) - 1);
		ksm_were[i][n > 0 ? n : 0] = '\0';
	}
}

static void ksm_restore(void)
{
	for (size_t i = 3; i-- > 0;)
		if (ksm_were[i][0])
			put(ksm_knobs[i], ksm_were[i]);
}

#define MERGED 64 /* pages, all different, and the same in two processes */

static void be_merged(void *context, char command)
{
	volatile char *memory = context;
	size_t n = command == 'm' ? MERGED * PAGE : 0, page = PAGE;

	for (size_t i = 0; i < n; i++)
		memory[i] = (char)(i / page + 100);
	madvise(context, n, MADV_MERGEABLE);
}

/* For as long as the test may take: how soon pages are merged is the kernel's business. */
static void wait_for_merging(const struct census_thing *things)
{
	for (uint64_t merged = 0; merged < 2 * MERGED * PAGE; usleep(20000)) {
		struct census c = take_with(things, 2, NULL);
		merged = both(c.usages[0].kinds->ksm) + both(c.usages[1].kinds->ksm);
		census_done(&c);
	}
}

static void check_merged(struct census_thing *things, const struct census *before)
{
	wait_for_merging(things);
	put(KSM "run", "0");
	struct census after = take_modelled(things, 2, NULL);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(after.usages[i].kinds->ksm.shared_bytes, MERGED * PAGE);
		ck_assert_uint_eq(after.usages[i].kinds->ksm.private_bytes, 0);
		ck_assert_uint_eq(after.usages[i].unique.value - before->usages[i].unique.value,
			MERGED * PAGE);
		ck_assert_uint_eq(own_of(&after.usages[i]), own_of(&before->usages[i]));
	}
	ck_assert_uint_eq(census_shared(&after, 0, 1).value - census_shared(before, 0, 1).value,
		MERGED * PAGE);
	census_done(&after);
}

START_TEST(merged_pages_are_shared)
{
	char *memory = memory_of(MERGED * PAGE);
	struct still a = still_start(be_merged, memory), b = still_start(be_merged, memory);
	struct census_thing things[] = { thing("a", &a.child.pid, 1), thing("b", &b.child.pid, 1) };

	if (is_told() && is_small()) {
		struct census before = take_modelled(things, 2, NULL);
		if (put(KSM "sleep_millisecs", "1") && put(KSM "pages_to_scan", "5000") &&
			put(KSM "run", "1")) {
			child_tell(&a.child, 'm');
			child_tell(&b.child, 'm');
			check_merged(things, &before);
		} else {
			puts("# skip: this kernel merges no pages");
		}
		census_done(&before);
	}
	still_stop(&a);
	still_stop(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_census_exact");
	TCase *tests = tcase_create("exact"), *ksm = tcase_create("ksm");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, four_that_share_64_mib_have_64_mib);
	tcase_add_test(tests, a_page_broken_out_of_a_large_one_is_one_page);
	tcase_add_test(tests, a_file_mapped_twice_in_one_process_counts_once);
	tcase_add_test(tests, a_file_of_two_overlays_is_one_file);
	suite_add_tcase(suite, tests);
	tcase_set_timeout(ksm, 60);
	tcase_add_unchecked_fixture(ksm, ksm_remember, ksm_restore);
	tcase_add_test(ksm, merged_pages_are_shared);
	suite_add_tcase(suite, ksm);
	return unit_run(suite);
}
