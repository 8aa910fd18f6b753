/*
 * Memory moved into the memfd, MOVE_BYTES at a time: its pages are written to the file, and the
 * file is mapped over them. No code here may write to what it moves: its own stack, its tables.
 */
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/resource.h>
#include <sys/mman.h>

#include "runtime/init/sys.h"
#include "runtime/template/pieces.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

size_t pieces_entries(struct pieces *p, uintptr_t at, uintptr_t end, size_t page)
{
	size_t n = (end - at) / page;
	const size_t room = sizeof(p->entries) / sizeof(p->entries[0]);

	if (n > room)
		n = room;
	long got = sys(pread64, p->pagemap, p->entries, n * sizeof(p->entries[0]),
		at / page * sizeof(p->entries[0]));
	return got < 0 ? 0 : (size_t)got / sizeof(p->entries[0]);
}

int piece_map(const struct pieces *p, const struct piece *of, uintptr_t start, uintptr_t end)
{
	int flags = MAP_PRIVATE | MAP_FIXED | (of->unreserved ? MAP_NORESERVE : 0);
	long at = sys(
		mmap, start, end - start, of->protection, flags, p->memfd, offset_of(of, start));

	return at < 0 && at > -4096 ? (int)at : 0;
}

static bool is_zero(uintptr_t at, size_t bytes)
{
	const uint64_t *word = (const uint64_t *)at, *end = (const uint64_t *)(at + bytes);

	while (word < end && !*word)
		word++;
	return word == end;
}

/* EFAULT: a page that cannot be read (a guard, or broken memory). */
static int write_out(const struct pieces *p, const struct piece *of, uintptr_t at, size_t bytes)
{
	while (bytes) {
		long n = sys(pwrite64, p->memfd, at, bytes, offset_of(of, at));

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? (int)n : -ENOSPC;
		at += (uintptr_t)n;
		bytes -= (size_t)n;
	}
	return 0;
}

/*
 * A page that the file has not is one of zeros. A present page is looked at; one that is swapped out
 * is not, since a guard page looks like it, and reading that is a signal.
 */
static bool is_worth(const struct pieces *p, size_t i, uintptr_t at, size_t page)
{
	if (p->entries[i] & PAGE_SWAPPED)
		return true;
	return (p->entries[i] & PAGE_PRESENT) && !is_zero(at, page);
}

struct tally {
	uint64_t bytes, zeros;
};

/* Writes the pages from `at` on that the entries tell of. */
static int copy_pages(
	const struct pieces *p, const struct piece *of, uintptr_t at, size_t n, struct tally *t)
{
	size_t begun = n; /* the first page of the run that is not yet written; n: none */

	for (size_t i = 0; i <= n; i++) {
		bool there = i < n && (p->entries[i] & (PAGE_PRESENT | PAGE_SWAPPED));
		bool worth = there && is_worth(p, i, at + i * of->page, of->page);
		t->bytes += there ? of->page : 0;
		t->zeros += there && !worth ? of->page : 0;
		if (worth && begun == n)
			begun = i;
		if (worth || begun == n)
			continue;
		int r = write_out(p, of, at + begun * of->page, (i - begun) * of->page);
		if (r < 0)
			return r;
		begun = n;
	}
	return 0;
}

/*
 * mmap() unmaps before it maps: where it fails in between, memory is missing, and has to come back
 * from the file.
 */
static int bring_back(const struct pieces *p, const struct piece *of, uintptr_t at, size_t bytes)
{
	const int flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS;
	long r = sys(mmap, at, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (r != (long)at)
		return -ENOTRECOVERABLE;
	for (size_t done = 0; done < bytes; done += (size_t)r) {
		r = sys(pread64, p->memfd, at + done, bytes - done, offset_of(of, at + done));
		if (r <= 0)
			return -ENOTRECOVERABLE;
	}
	return (int)sys(mprotect, at, bytes, of->protection);
}

/* The bytes that were moved; 0: the kernel refuses, for the reason in `ret`; or -ENOTRECOVERABLE. */
static long move_some(
	struct pieces *p, const struct piece *of, uintptr_t at, struct tally *t, int *ret)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	struct tally more = *t;
	size_t n = pieces_entries(p, at, of->end, of->page), bytes = n * of->page;
	int r = n ? copy_pages(p, of, at, n, &more) : -EIO;

	if (r == 0) {
		r = piece_map(p, of, at, at + bytes);
		/* EACCES, EPERM: it was not even tried, as where memory must not be executable. */
		if (r < 0 && r != -EACCES && r != -EPERM && bring_back(p, of, at, bytes) < 0)
			return -ENOTRECOVERABLE;
	}
	if (r == 0) {
		*t = more;
		return (long)bytes;
	}
	sys(fallocate, p->memfd, punch, offset_of(of, at), bytes);
	*ret = r;
	return 0;
}

uint64_t piece_anonymous(struct pieces *p, const struct piece *of, uintptr_t at)
{
	uint64_t bytes = 0;

	while (at < of->end) {
		size_t n = pieces_entries(p, at, of->end, of->page);
		if (!n)
			break;
		for (size_t i = 0; i < n; i++)
			bytes += page_is_anonymous(p->entries[i]) ? of->page : 0;
		at += n * of->page;
	}
	return bytes;
}

/* A piece ends where the kernel refuses: what follows stays. */
static int move(struct pieces *p, struct piece *of)
{
	struct tally t = { 0 };
	uintptr_t at = of->start;
	int why = 0;

	while (at < of->end && why == 0) {
		long n = move_some(p, of, at, &t, &why);
		if (n < 0)
			return (int)n;
		at += (uintptr_t)n;
	}
	bool guarded = why == -EFAULT;
	if (why)
		size_add(&p->report->left[guarded ? FREEZE_SPECIAL : FREEZE_UNMOVED],
			piece_anonymous(p, of, at));
	of->end = at;
	size_add(&p->report->frozen, t.bytes);
	p->report->zero_bytes += t.zeros;
	return guarded ? 0 : why;
}

/* Whoever may not write a file of this size gets a signal for it: the limit is lifted meanwhile. */
static int lift_limit(const struct pieces *p, struct rlimit64 *ret_was)
{
	long r = sys(prlimit64, 0, RLIMIT_FSIZE, 0, ret_was);

	if (r < 0 || ret_was->rlim_cur >= p->file_end)
		return (int)r;
	if (ret_was->rlim_max < p->file_end)
		return -EFBIG;
	struct rlimit64 wide = { ret_was->rlim_max, ret_was->rlim_max };
	return (int)sys(prlimit64, 0, RLIMIT_FSIZE, &wide, 0);
}

/* MFD_NOEXEC_SEAL is new in 6.3. */
static int make_file(struct pieces *p)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	long fd = sys(memfd_create, FREEZE_MEMFD, flags | MFD_NOEXEC_SEAL);

	if (fd == -EINVAL)
		fd = sys(memfd_create, FREEZE_MEMFD, flags);
	if (fd < 0)
		return (int)fd;
	p->memfd = (int)fd;
	return (int)sys(ftruncate, p->memfd, p->file_end);
}

/* What the kernel refuses for one piece it may grant for the next, smaller one. */
static int move_all(struct pieces *p, int *ret_why)
{
	for (unsigned i = 0; i < p->n; i++) {
		int r = move(p, &p->all[i]);
		if (r == -ENOTRECOVERABLE)
			return r;
		*ret_why = r ? r : *ret_why;
	}
	return 0;
}

static void move_none(struct pieces *p)
{
	for (unsigned i = 0; i < p->n; i++)
		size_add(&p->report->left[FREEZE_UNMOVED],
			piece_anonymous(p, &p->all[i], p->all[i].start));
	p->n = 0;
}

int pieces_move(struct pieces *p)
{
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct rlimit64 was = { 0 };
	int r = 0, why = lift_limit(p, &was);
	bool lifted = why == 0;

	if (lifted)
		why = make_file(p);
	if (why == 0)
		r = move_all(p, &why);
	else
		move_none(p);
	if (lifted)
		sys(prlimit64, 0, RLIMIT_FSIZE, &was, 0);
	if (why) {
		p->report->verdict = FREEZE_FAILED;
		p->report->error = -why;
	}
	return r < 0 || !p->n ? r : (int)sys(fcntl, p->memfd, F_ADD_SEALS, seals);
}
