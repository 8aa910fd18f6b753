/*
 * /proc/kpagecount and /proc/kpageflags: one word for each frame.
 *
 * Both are asked for the same short run, one after the other: the price is the cache miss on the
 * kernel's descriptor of the frame, and the second file then finds it in the cache.
 */
#include "cgroup/kpage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "spec/base/fd.h"

#define LARGE_PAGE ((uintptr_t)2 << 20)

#define FLAG(bit) (1ULL << (bit))
#define FLAG_RESERVED FLAG(32) /* KPF_RESERVED, of the kernel's own header */

/* Words of frames [first, first + n); what lies beyond the last frame of the machine is `beyond`.
 */
static int read_words(int fd, uint64_t first, size_t n, uint64_t beyond, uint64_t *words)
{
	ssize_t got = pread(fd, words, n * sizeof(*words), (off_t)(first * sizeof(*words)));

	if (got < 0 && errno != EINVAL) /* 5.11 and later: EINVAL beyond the last */
		return -errno;
	for (size_t i = got < 0 ? 0 : (size_t)got / sizeof(*words); i < n; i++)
		words[i] = beyond;
	return 0;
}

/* The frame of one of our own pages, and its word in kpageflags; 0 when not told. */
static uint64_t own_frame(int pagemap, const void *page)
{
	uint64_t entry = 0;
	off_t at = (off_t)((uintptr_t)page / (uintptr_t)sysconf(_SC_PAGESIZE) * sizeof(entry));

	if (pread(pagemap, &entry, sizeof(entry), at) != sizeof(entry) || !(entry >> 63))
		return 0;
	return entry & ((1ULL << 55) - 1);
}

/*
 * What this kernel says of three pages of ours. Two that were only read are one and the same, the
 * zero page, whose flag is missing in User-Mode Linux; a kernel that has none (seen on a 6.18 made
 * for small virtual machines) gives each a frame of its own, which will be somebody else's. One
 * that was written is anonymous, and surely not of KSM.
 */
static void probe(struct kpage *k, int proc)
{
	autofd int pagemap = openat(proc, "self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	volatile char *memory =
		mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t word = 0;

	if (memory == MAP_FAILED)
		return;
	memory[page] = (char)(memory[0] + memory[2 * page]);
	uint64_t zero = own_frame(pagemap, (const void *)memory);
	k->zero = zero == own_frame(pagemap, (const void *)(memory + 2 * page)) ? zero : 0;
	/* Read once, so that it is there. User-Mode Linux flags it as any page of a file. */
	const volatile char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
	k->vdso = vdso && *vdso ? own_frame(pagemap, (const void *)vdso) : 0;
	uint64_t written = own_frame(pagemap, (const void *)(memory + page));
	if (written && k->flags >= 0 && read_words(k->flags, written, 1, 0, &word) == 0)
		k->claims_ksm = word & FLAG(KPF_KSM);
	munmap((void *)memory, 3 * page);
}

void kpage_init(struct kpage *k, int proc)
{
	*k = (struct kpage){
		.count = openat(proc, "kpagecount", O_RDONLY | O_CLOEXEC),
		.flags = openat(proc, "kpageflags", O_RDONLY | O_CLOEXEC),
	};
	probe(k, proc);
}

void kpage_done(struct kpage *k)
{
	if (k->count >= 0)
		close(k->count);
	if (k->flags >= 0)
		close(k->flags);
	k->count = k->flags = -1;
}

void kpage_distrust(struct kpage *k)
{
	if (k->count >= 0)
		close(k->count);
	k->count = -1;
}

enum frame_kind kpage_kind(uint64_t flags)
{
	/* The zero pages and the vdso are the kernel's own, device memory is nobody's. */
	if (flags & (FLAG(KPF_NOPAGE) | FLAG(KPF_ZERO_PAGE) | FLAG_RESERVED))
		return FRAME_SPECIAL;
	if (flags & FLAG(KPF_HUGE))
		return FRAME_HUGETLB;
	if (flags & FLAG(KPF_KSM))
		return FRAME_KSM;
	if (flags & FLAG(KPF_ANON))
		return FRAME_ANON;
	return flags & FLAG(KPF_SWAPBACKED) ? FRAME_SHMEM : FRAME_FILE;
}

int kpage_look(void *kpage, uint64_t first, size_t n, struct frame_fact *facts, struct err *e)
{
	const struct kpage *k = kpage;
	uint64_t counts[FRAMES_LOOK_MAX], flags[FRAMES_LOOK_MAX];
	int r = k->count < 0 ? 0 : read_words(k->count, first, n, 0, counts);

	if (r < 0)
		return err_set(e, -r, "read '/proc/kpagecount'");
	r = k->flags < 0 ? 0 : read_words(k->flags, first, n, FLAG(KPF_NOPAGE), flags);
	if (r < 0)
		return err_set(e, -r, "read '/proc/kpageflags'");
	for (size_t i = 0; i < n; i++) {
		uint64_t count = k->count < 0 ? FRAMES_UNKNOWN : counts[i];
		uint64_t word = k->flags < 0 ? FLAG(KPF_ANON) : flags[i];
		if (k->claims_ksm)
			word &= ~FLAG(KPF_KSM);
		if ((k->zero && first + i == k->zero) || (k->vdso && first + i == k->vdso))
			word |= FLAG(KPF_ZERO_PAGE);
		facts[i] = (struct frame_fact){
			.mappings = (uint32_t)count,
			.kind = (uint8_t)kpage_kind(word),
			.large = word & FLAG(KPF_THP),
		};
	}
	return 0;
}

/* A large page of which we give back a small one: if that still has a mapping, it is an average. */
static bool try_precision(const struct kpage *k, int pagemap, char *large)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct frame_fact fact = { 0 };
	struct err e;

	if (madvise(large, LARGE_PAGE, MADV_HUGEPAGE) < 0)
		return true;
	*large = 1;
	uint64_t frame = own_frame(pagemap, large + page);
	if (!frame || kpage_look((void *)k, frame, 1, &fact, &e) < 0 || !fact.large)
		return true;
	if (madvise(large + page, page, MADV_DONTNEED) < 0 ||
		kpage_look((void *)k, frame, 1, &fact, &e) < 0)
		return true;
	return fact.mappings == 0;
}

bool kpage_is_precise(const struct kpage *k, int proc)
{
	autofd int pagemap = openat(proc, "self/pagemap", O_RDONLY | O_CLOEXEC);
	char *memory = mmap(
		NULL, 2 * LARGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return true;
	char *large = (char *)(((uintptr_t)memory + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1));
	bool precise = pagemap < 0 || try_precision(k, pagemap, large);
	munmap(memory, 2 * LARGE_PAGE);
	return precise;
}
