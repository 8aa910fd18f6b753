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

/* Numbers of frames in order of address; special frames (zero page, vdso) may be among them. */
typedef int pagemap_visit(void *context, const uint64_t *frames, size_t n, struct err *e);

/*
 * All frames of the process whose /proc directory this is, each as often as it is mapped.
 * -ESRCH: it is gone, or has no memory; -EACCES: it is none of our business; -EFBIG: without
 * PAGEMAP_SCAN, mappings that hold something would take too long to read. What visit() returns
 * below 0 ends it. `dense`: its address space is not much larger than what is resident; maps is
 * then the cheaper way.
 */
int pagemap_read(struct pagemap *p, int process, bool dense, pagemap_visit *visit, void *context,
	struct err *e);

/* Whether two processes have the same pages in the same places: an address space that they share.
 */
bool pagemap_is_same(struct pagemap *p, int process, int other);

#endif
