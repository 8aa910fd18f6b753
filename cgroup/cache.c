/*
 * The page cache of an open file.
 *
 * Sums are cachestat's. Pages are looked at in windows: a window is mapped, mincore says which of
 * its pages are in memory, and these alone get entries in our page table, by MADV_POPULATE_READ:
 * that cannot fault, whoever truncates the file meanwhile, and touches nothing. MADV_RANDOM keeps
 * the kernel from reading ahead, and from noting that the pages were used (6.3). Then our own
 * pagemap has the frames, and kpagecount one mapping more than there was.
 *
 * Windows in which nothing is in memory are skipped by cachestat, a great many at once: a sparse
 * file of any size costs no more than its pages.
 */
#include "cgroup/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/sys.h"

#define WINDOW FRAMES_LOOK_MAX /* pages */
#define FAN 64		       /* parts in which a file is looked through */

#define ENTRY_PRESENT (1ULL << 63)
#define ENTRY_FRAME ((1ULL << 55) - 1)

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Our own stack is present; without the privilege its frame is told as 0. */
static bool tells_frames(int pagemap)
{
	uint64_t entry = 0;
	off_t at = (off_t)((uintptr_t)&entry / page_size() * sizeof(entry));

	return pread(pagemap, &entry, sizeof(entry), at) == sizeof(entry) && (entry & ENTRY_FRAME);
}

void cache_init(struct cache *c, int proc)
{
	struct sys_cache_counts counts;
	autofd int self = openat(proc, "self/exe", O_RDONLY | O_CLOEXEC);

	*c = (struct cache){ .pagemap = openat(proc, "self/pagemap", O_RDONLY | O_CLOEXEC) };
	c->counts = sys_cachestat(self, 0, 0, &counts) == 0;
	if (!tells_frames(c->pagemap)) {
		own_close(&c->pagemap);
		c->pagemap = -1;
	}
	kpage_init(&c->kpage, proc);
}

void cache_done(struct cache *c)
{
	own_close(&c->pagemap);
	kpage_done(&c->kpage);
	*c = (struct cache)CACHE_NONE;
}

static int size_of(int file, uint64_t *ret_pages)
{
	struct stat st;

	if (fstat(file, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*ret_pages = ((uint64_t)st.st_size + page_size() - 1) / page_size();
	return 0;
}

/* --- a window ---------------------------------------------------------------------------------- */

struct window {
	char *memory;
	size_t n;
	unsigned char in_memory[WINDOW]; /* mincore's: bit 0 */
	uint64_t frames[WINDOW];	 /* 0: not in memory */
};

static void window_done(struct window *w)
{
	if (w->memory)
		munmap(w->memory, w->n * page_size());
	w->memory = NULL;
}
DEFINE_AUTO(window, window_done)

static int window_open(int file, uint64_t first, size_t n, struct window *w)
{
	char *memory = mmap(
		NULL, n * page_size(), PROT_READ, MAP_SHARED, file, (off_t)(first * page_size()));

	if (memory == MAP_FAILED)
		return -errno;
	*w = (struct window){ .memory = memory, .n = n };
	return madvise(memory, n * page_size(), MADV_RANDOM) < 0 ||
			       mincore(memory, n * page_size(), w->in_memory) < 0
		       ? -errno
		       : 0;
}

/* What goes from memory at this moment is not read in again, but for one page in the worst case. */
static void populate(const struct window *w)
{
	for (size_t i = 0, end; i < w->n; i = end + 1) {
		for (end = i; end < w->n && (w->in_memory[end] & 1);)
			end++;
		if (end > i)
			madvise(w->memory + i * page_size(), (end - i) * page_size(),
				MADV_POPULATE_READ);
	}
}

static int find_frames(const struct cache *c, struct window *w)
{
	off_t at = (off_t)((uintptr_t)w->memory / page_size() * sizeof(*w->frames));

	populate(w);
	ssize_t got = pread(c->pagemap, w->frames, w->n * sizeof(*w->frames), at);
	if (got != (ssize_t)(w->n * sizeof(*w->frames)))
		return got < 0 ? -errno : -EIO;
	for (size_t i = 0; i < w->n; i++)
		w->frames[i] = w->frames[i] & ENTRY_PRESENT ? w->frames[i] & ENTRY_FRAME : 0;
	return 0;
}

/* --- sums --------------------------------------------------------------------------------------- */

/* A page of a large folio may be counted by an average only: then nothing is known. */
static bool believes(struct cache *c, const struct frame_fact *fact)
{
	if (!fact->large)
		return true;
	if (!c->tried) {
		autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		c->is_precise = kpage_is_precise(&c->kpage, proc);
		c->tried = true;
	}
	return c->is_precise;
}

/* Of a run of frames that lie side by side, which are ours by one mapping each. */
static int count_run(struct cache *c, uint64_t first, size_t n, uint64_t *mapped)
{
	struct frame_fact facts[WINDOW];
	struct err ignored;
	int r = kpage_look(&c->kpage, first, n, facts, &ignored);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!believes(c, &facts[i]))
			return -ENOTSUP;
		*mapped += facts[i].mappings > 1;
	}
	return r;
}

static int count_window(struct cache *c, int file, uint64_t first, size_t n, uint64_t *mapped)
{
	automatic(window) struct window w = { 0 };
	int r = window_open(file, first, n, &w);

	if (r == 0)
		r = find_frames(c, &w);
	for (size_t i = 0, end; r == 0 && i < n; i = end) {
		end = i + 1;
		if (!w.frames[i])
			continue;
		while (end < n && w.frames[end] == w.frames[end - 1] + 1)
			end++;
		r = count_run(c, w.frames[i], end - i, mapped);
	}
	return r;
}

/* Whether any of these pages is in memory. */
static bool is_empty(const struct cache *c, int file, uint64_t first, uint64_t n)
{
	struct sys_cache_counts counts;

	return c->counts &&
	       sys_cachestat(file, first * page_size(), n * page_size(), &counts) == 0 &&
	       counts.in_memory == 0;
}

/* The windows of a part that is the FANth of one that is the FANth ... of the file. */
static int count_part(struct cache *c, int file, uint64_t first, uint64_t n, uint64_t *mapped)
{
	uint64_t part = WINDOW;
	int r = 0;

	if (is_empty(c, file, first, n))
		return 0;
	if (n <= WINDOW)
		return count_window(c, file, first, n, mapped);
	while (part < n / FAN)
		part *= FAN;
	for (uint64_t at = first, end = first + n; r == 0 && at < end; at += part)
		r = count_part(c, file, at, end - at < part ? end - at : part, mapped);
	return r;
}

int cache_mapped(struct cache *c, int file, uint64_t *ret)
{
	uint64_t n = 0, mapped = 0;

	if (c->pagemap < 0 || c->kpage.count < 0)
		return -ENOTSUP;
	int r = size_of(file, &n);
	if (r == 0 && !c->counts && n > CACHE_MINCORE_MAX / page_size())
		r = -EFBIG;
	if (r == 0 && n)
		r = count_part(c, file, 0, n, &mapped);
	if (r == 0)
		*ret = mapped * page_size();
	return r;
}

static int resident_by_mincore(int file, uint64_t *ret)
{
	uint64_t n = 0, found = 0;
	int r = size_of(file, &n);

	if (r == 0 && n > CACHE_MINCORE_MAX / page_size())
		return -EFBIG;
	for (uint64_t at = 0; r == 0 && at < n; at += WINDOW) {
		automatic(window) struct window w = { 0 };
		r = window_open(file, at, n - at < WINDOW ? n - at : WINDOW, &w);
		for (size_t i = 0; r == 0 && i < w.n; i++)
			found += w.in_memory[i] & 1;
	}
	if (r == 0)
		*ret = found * page_size();
	return r;
}

int cache_resident(const struct cache *c, int file, uint64_t *ret)
{
	struct sys_cache_counts counts;

	if (!c->counts)
		return resident_by_mincore(file, ret);
	if (sys_cachestat(file, 0, 0, &counts) < 0)
		return -errno;
	*ret = counts.in_memory * page_size();
	return 0;
}

int cache_frame(struct cache *c, int file, uint64_t page, uint64_t *ret)
{
	automatic(window) struct window w = { 0 };
	uint64_t n = 0;

	if (c->pagemap < 0)
		return -ENOTSUP;
	int r = size_of(file, &n);
	if (r == 0 && page < n)
		r = window_open(file, page, 1, &w);
	if (r == 0 && page < n)
		r = find_frames(c, &w);
	if (r == 0)
		*ret = page < n ? w.frames[0] : 0;
	return r;
}
