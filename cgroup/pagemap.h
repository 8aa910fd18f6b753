/*
 * The page frames that a process maps, from /proc/PID/pagemap.
 *
 * Which addresses to read is asked of PAGEMAP_SCAN (6.7), so that the cost follows the pages that
 * are resident and not the size of the address space; before 6.7 of /proc/PID/smaps, and of maps
 * where an address space is small. Nothing is stopped and nothing of the target is touched. Frame
 * numbers need CAP_SYS_ADMIN in the initial user namespace.
 */
#ifndef CGROUP_PAGEMAP_H
#define CGROUP_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

/* Of an entry; the frame, or, of a page in swap, type and place of its slot. */
#define PAGEMAP_FRAME ((1ULL << 55) - 1)
#define PAGEMAP_FILE (1ULL << 61) /* not anonymous */
#define PAGEMAP_SWAPPED (1ULL << 62)
#define PAGEMAP_PRESENT (1ULL << 63)

/*
 * Types of slots below this are swap devices; those above pages under migration, poisoned ones,
 * device memory and markers: 9 of them at most.
 */
#define PAGEMAP_SWAP_TYPES 23
#define PAGEMAP_SWAP_TYPE(entry) ((entry)&31)

struct page_region;

struct pagemap {
	bool scans;	   /* PAGEMAP_SCAN is there (tests put false, for the way before 6.7) */
	bool tells;	   /* frame numbers are told to us */
	uint64_t end;	   /* of the address spaces that PAGEMAP_SCAN takes */
	uint64_t *entries; /* buffers, for all processes in turn */
	struct page_region *regions;
	uint64_t n_read; /* pagemap entries read so far: the work that was done */
};

/* Probes the kernel on ourselves. `proc` is a directory fd of /proc. */
int pagemap_init(struct pagemap *p, int proc, struct err *e);
void pagemap_done(struct pagemap *p);
DEFINE_AUTO(pagemap, pagemap_done)

/* A piece of an address space: what was found in it, in order of address. */
struct pagemap_pages {
	uint64_t first;		 /* address of entries[0], in pages */
	const uint64_t *entries; /* as the kernel has them: pagemap_frame() */
	size_t n;
	const uint64_t *frames; /* numbers; special ones (zero page, vdso) may be among them */
	size_t n_frames;
	const uint64_t *slots; /* of swap: numbers below FRAME_LIMIT, by device and offset */
	size_t n_slots;
};

/* The frame of an entry; 0: none. `ret_file`: it is of a file, or shared memory. */
static inline uint64_t pagemap_frame(uint64_t entry, bool *ret_file)
{
	*ret_file = entry >> 61 & 1;
	return entry >> 63 ? entry & ((1ULL << 55) - 1) : 0;
}

typedef int pagemap_visit(void *context, const struct pagemap_pages *pages, struct err *e);

/*
 * All frames of the process whose /proc directory this is, each as often as it is mapped, and its
 * anonymous pages that are swapped out (of shared memory no process tells that).
 * -ESRCH: it is gone, or has no memory; -EACCES: it is none of our business; -EFBIG: without
 * PAGEMAP_SCAN, mappings that hold something would take too long to read. What visit() returns
 * below 0 ends it. `dense`: its address space is not much larger than what is resident; maps is
 * then the cheaper way.
 */
int pagemap_read(struct pagemap *p, int process, bool dense, pagemap_visit *visit, void *context,
	struct err *e);

/* The fd of its pagemap; -ESRCH or -EACCES as above. */
int pagemap_open(int process);

/*
 * Where between two addresses (in pages) there may be something, be it in swap: spans by rising
 * address, near ones made one. All of it before 6.7, up to -EFBIG.
 */
typedef int pagemap_span(void *context, uint64_t start, uint64_t end, struct err *e);
int pagemap_spans(struct pagemap *p, int fd, uint64_t start, uint64_t end, pagemap_span *span,
	void *context, struct err *e);

/* The entries of n pages; fewer at the end of user space, 0 of the dead; or -errno. */
ssize_t pagemap_entries(struct pagemap *p, int fd, uint64_t page, size_t n, uint64_t *entries);

/* Whether two processes have the same pages in the same places: an address space that they share.
 */
bool pagemap_is_same(struct pagemap *p, int process, int other);

#endif
