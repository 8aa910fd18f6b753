/* /proc/PID/pagemap: which addresses to read, and the frames found there. */
#include "cgroup/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cgroup/maps.h"
#include "spec/base/fd.h"

/* Of a swapped entry, behind its type. A number of a slot has room for 128 TiB on each device. */
#define SLOT_OFFSET(entry) (((entry)&PAGEMAP_FRAME) >> 5)
#define SLOT_SHIFT 35

/* 64 KiB of entries at once: stays in the second level cache, and a call is 1/1000 of its cost. */
#define N_ENTRIES 8192
#define N_REGIONS 1024

/* A call costs 0.7 µs, reading the entry of a hole 8 ns: gaps below this many pages are read. */
#define GAP_PAGES 90

/* Without PAGEMAP_SCAN: 1 TiB of address space with 4 KiB pages takes half a second. */
#define MAPS_PAGES_MAX (1ULL << 28)

/* PAGEMAP_SCAN of linux/fs.h since 6.7, which Debian 12's headers lack. */
struct page_region {
	uint64_t start, end, categories;
};

struct scan_arguments {
	uint64_t size, flags, start, end, walk_end, regions, n_regions, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN _IOWR('f', 16, struct scan_arguments)
#define CATEGORY_PRESENT (1ULL << 3)
#define CATEGORY_SWAPPED (1ULL << 4)
#define CATEGORY_ZERO (1ULL << 5)

/* One reading: spans of addresses come in rising order, near ones are made one. */
struct reader {
	struct pagemap *p;
	int fd;
	int other; /* to compare with; -1: to visit */
	pagemap_visit *visit;
	void *context;
	struct err *e;
	uint64_t start, end; /* of the span not yet read, in pages; none: start == end */
	uint64_t limit;	     /* pages that may still be read */
};

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Regions found in [start, end), or -errno; *ret_end is how far it came. */
static int scan(int fd, uint64_t start, uint64_t end, struct page_region *regions, size_t n,
	uint64_t max_pages, uint64_t *ret_end)
{
	/* What is present or swapped, and not the zero page. */
	struct scan_arguments arguments = {
		.size = sizeof(arguments),
		.start = start,
		.end = end,
		.regions = (uintptr_t)regions,
		.n_regions = n,
		.max_pages = max_pages,
		.category_inverted = CATEGORY_ZERO,
		.category_mask = CATEGORY_ZERO,
		.category_anyof_mask = CATEGORY_PRESENT | CATEGORY_SWAPPED,
		.return_mask = CATEGORY_PRESENT,
	};
	int found = ioctl(fd, SCAN, &arguments);

	if (found < 0)
		return -errno;
	*ret_end = arguments.walk_end;
	return found;
}

/* The highest end that the kernel takes for an address space; 0: it knows no PAGEMAP_SCAN. */
static uint64_t probe_end(int fd, uint64_t page)
{
	struct page_region region;
	uint64_t good = 0, bad = (1ULL << 63) / page, walked;

	/* An end beyond user space is EFAULT, and where that begins no file tells. */
	while (bad - good > 1) {
		uint64_t middle = good + (bad - good) / 2;
		int r = scan(fd, 0, middle * page, &region, 1, 1, &walked);
		if (r < 0 && r != -EFAULT)
			return 0;
		*(r < 0 ? &bad : &good) = middle;
	}
	return good * page;
}

int pagemap_init(struct pagemap *p, int proc, struct err *e)
{
	autofd int fd = openat(proc, "self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t page = page_size(), entry = 0;

	if (fd < 0)
		return err_set(e, errno, "open '/proc/self/pagemap'");
	/* Our own stack is present; without CAP_SYS_ADMIN its frame is told as 0. */
	off_t at = (off_t)((uintptr_t)&entry / page * sizeof(entry));
	if (pread(fd, &entry, sizeof(entry), at) != sizeof(entry))
		return err_set(e, errno, "read '/proc/self/pagemap'");
	/* Entries, frames (or, for comparisons, other entries) and slots; untouched costs nothing.
	 */
	autofree uint64_t *entries = malloc(3 * (size_t)N_ENTRIES * sizeof(*entries));
	autofree struct page_region *regions = malloc(N_REGIONS * sizeof(*regions));
	if (!entries || !regions)
		return err_set(e, ENOMEM, "read '/proc/self/pagemap'");
	uint64_t end = probe_end(fd, page);
	*p = (struct pagemap){
		.scans = end != 0,
		.tells = (entry & PAGEMAP_FRAME) != 0,
		.end = end,
		.entries = take(entries),
		.regions = take(regions),
	};
	return 0;
}

void pagemap_done(struct pagemap *p)
{
	free(p->entries);
	free(p->regions);
	*p = (struct pagemap){ 0 };
}

static uint64_t *frames_of(const struct pagemap *p)
{
	return p->entries + N_ENTRIES;
}

static uint64_t *slots_of(const struct pagemap *p)
{
	return p->entries + 2 * (size_t)N_ENTRIES;
}

/* Swapped entries are few, or none: a loop of its own. */
static size_t find_slots(const uint64_t *entries, size_t n, uint64_t *slots)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t type = PAGEMAP_SWAP_TYPE(entries[i]), offset = SLOT_OFFSET(entries[i]);
		if ((entries[i] & PAGEMAP_SWAPPED) && type < PAGEMAP_SWAP_TYPES &&
			offset >> SLOT_SHIFT == 0)
			slots[found++] = type << SLOT_SHIFT | offset;
	}
	return found;
}

/* Entries by what they are of; a frame 0 is none, or not told. */
static void sort_entries(
	const struct pagemap *p, uint64_t first, size_t n, struct pagemap_pages *ret)
{
	const uint64_t *entries = p->entries;
	uint64_t *frames = frames_of(p), any = 0;
	size_t n_frames = 0;
	bool is_file;

	for (size_t i = 0; i < n; i++) {
		uint64_t frame = pagemap_frame(entries[i], &is_file);
		frames[n_frames] = frame;
		n_frames += frame != 0;
		any |= entries[i];
	}
	*ret = (struct pagemap_pages){
		.first = first,
		.entries = entries,
		.n = n,
		.frames = frames,
		.n_frames = n_frames,
		.slots = slots_of(p),
		.n_slots = any & PAGEMAP_SWAPPED ? find_slots(entries, n, slots_of(p)) : 0,
	};
}

/* Entries from page `at` on: the count (0 beyond user space, or of the dead), or -errno. */
static ssize_t read_entries(const struct reader *r, int fd, uint64_t at, size_t n, uint64_t *into)
{
	ssize_t got = pread(fd, into, n * sizeof(*into), (off_t)(at * sizeof(*into)));

	if (got < 0)
		return -errno;
	r->p->n_read += (uint64_t)got / sizeof(*into);
	return (ssize_t)((size_t)got / sizeof(*into));
}

/* 0, -ESTALE at the first difference, or -errno. */
static int compare(const struct reader *r, uint64_t at, size_t n)
{
	uint64_t *other = frames_of(r->p);
	ssize_t got = read_entries(r, r->other, at, n, other);

	if (got < 0)
		return (int)got;
	if ((size_t)got != n || memcmp(r->p->entries, other, n * sizeof(*other)) != 0)
		return -ESTALE;
	return 0;
}

static int show(const struct reader *r, size_t n)
{
	struct pagemap_pages pages;

	sort_entries(r->p, r->start, n, &pages);
	return r->visit(r->context, &pages, r->e);
}

static int read_span(struct reader *r)
{
	uint64_t *entries = r->p->entries;

	if (r->end - r->start > r->limit)
		return -EFBIG;
	r->limit -= r->end - r->start;
	while (r->start < r->end) {
		uint64_t n = r->end - r->start < N_ENTRIES ? r->end - r->start : N_ENTRIES;
		ssize_t got = read_entries(r, r->fd, r->start, n, entries);
		if (got <= 0)
			return (int)got;
		int failed =
			r->other >= 0 ? compare(r, r->start, (size_t)got) : show(r, (size_t)got);
		if (failed < 0)
			return failed;
		r->start += (uint64_t)got;
	}
	return 0;
}

static int add_span(struct reader *r, uint64_t start, uint64_t end)
{
	int failed = 0;

	if (r->start != r->end && start - r->end <= GAP_PAGES) {
		r->end = end;
		return 0;
	}
	if (r->start != r->end)
		failed = read_span(r);
	r->start = start;
	r->end = end;
	return failed;
}

static int spans_by_scan(struct reader *r)
{
	struct page_region *regions = r->p->regions;
	uint64_t at = 0, page = page_size();

	while (at < r->p->end) {
		int n = scan(r->fd, at, r->p->end, regions, N_REGIONS, 0, &at);
		int failed = n < 0 ? n : 0;
		for (int i = 0; i < n && failed == 0; i++)
			failed = add_span(r, regions[i].start / page, regions[i].end / page);
		if (failed < 0)
			return failed;
	}
	return 0;
}

/* Of smaps: whether the mapping before this line holds anything. */
static bool tells_resident(const char *line)
{
	static const char *const keys[] = {
		"Rss:", "Swap:", "Shared_Hugetlb:", "Private_Hugetlb:"
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t n = strlen(keys[i]);
		if (strncmp(line, keys[i], n) == 0)
			return strtoull(line + n, NULL, 10) > 0;
	}
	return false;
}

/*
 * By mappings: all of them, from maps; or, from smaps, those that hold anything. That costs as much
 * as reading the pages once more, and no reservation of terabytes is read for nothing. Names have
 * their newlines escaped in both.
 */
static int spans_by_mapping(struct reader *r, int process, bool all)
{
	automatic(maps) struct maps maps;
	struct mapping mapping;
	char line[80];
	uint64_t start = 0, end = 0, page = page_size();
	int more = maps_open(&maps, process, all ? "maps" : "smaps");

	for (;;) {
		more = more < 0 ? more : maps_line(&maps, line, sizeof(line));
		if (more <= 0)
			return more;
		bool is_mapping = maps_parse(line, &mapping);
		if (is_mapping) {
			start = mapping.start;
			end = mapping.end;
		}
		if (start == end || !(all ? is_mapping : tells_resident(line)))
			continue;
		int failed = add_span(r, start / page, end / page);
		if (failed < 0)
			return failed;
		start = end;
	}
}

static int read_spans(struct reader *r, int process, bool dense)
{
	bool by_scan = r->p->scans && !dense;
	int failed = by_scan ? spans_by_scan(r) : spans_by_mapping(r, process, dense);

	if (failed == 0 && r->start != r->end)
		failed = read_span(r);
	return failed;
}

int pagemap_open(int process)
{
	int fd = openat(process, "pagemap", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return -ESRCH;
	return errno == EPERM ? -EACCES : -errno;
}

int pagemap_read(struct pagemap *p, int process, bool dense, pagemap_visit *visit, void *context,
	struct err *e)
{
	autofd int fd = pagemap_open(process);
	struct reader r = { .p = p,
		.fd = fd,
		.other = -1,
		.visit = visit,
		.context = context,
		.e = e,
		.limit = p->scans ? UINT64_MAX : MAPS_PAGES_MAX };

	if (fd < 0)
		return err_set(e, -fd, "open the pagemap of a process");
	*e = (struct err){ 0 };
	int failed = read_spans(&r, process, dense);
	if (failed < 0 && !e->code)
		return err_set(e, -failed, "read the pagemap of a process");
	return failed;
}

ssize_t pagemap_entries(struct pagemap *p, int fd, uint64_t page, size_t n, uint64_t *entries)
{
	const struct reader r = { .p = p };

	return read_entries(&r, fd, page, n, entries);
}

int pagemap_spans(struct pagemap *p, int fd, uint64_t start, uint64_t end, pagemap_span *span,
	void *context, struct err *e)
{
	uint64_t at = start * page_size(), limit = end * page_size(), page = page_size();
	uint64_t from = start, to = start; /* the span not yet told; none: from == to */
	int failed = 0;

	if (!p->scans && end - start > MAPS_PAGES_MAX)
		return err_set(e, EFBIG, "read the pagemap of a process");
	if (!p->scans)
		return span(context, start, end, e);
	while (failed == 0 && at < limit) {
		int n = scan(fd, at, limit, p->regions, N_REGIONS, 0, &at);
		if (n < 0)
			return err_set(e, -n, "read the pagemap of a process");
		for (int i = 0; i < n && failed == 0; i++) {
			const struct page_region *r = &p->regions[i];
			if (from != to && r->start / page - to > GAP_PAGES) {
				failed = span(context, from, to, e);
				from = to;
			}
			from = from == to ? r->start / page : from;
			to = r->end / page;
		}
	}
	if (failed < 0 || from == to)
		return failed;
	return span(context, from, to, e);
}

bool pagemap_is_same(struct pagemap *p, int process, int other)
{
	autofd int fd = pagemap_open(process);
	autofd int other_fd = pagemap_open(other);
	struct reader r = { .p = p, .fd = fd, .other = other_fd, .limit = MAPS_PAGES_MAX };

	return fd >= 0 && other_fd >= 0 && read_spans(&r, process, false) == 0;
}
