/*
 * What has become of pages that a process inherited by fork, or maps privately of a file: pure,
 * from entries of /proc/PID/pagemap and what kpageflags says of their frames.
 *
 * A process is held against its origin, which has the same mapping at the same address. Two that
 * show the same frame there share it still. Two that show different ones do so no longer: one of
 * the two has written the page since the fork, or both have, or both made it anew. Which of them,
 * the frames alone tell only where there are several forks of one origin (fates_settle()), or where
 * an earlier look saw the frame that both had.
 */
#ifndef CGROUP_FATE_H
#define CGROUP_FATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroup/frames.h"

enum page_fate {
	PAGE_NOTHING,	/* no page, or the zero page */
	PAGE_FILE,	/* the file's own page: never written here */
	PAGE_INHERITED, /* anonymous, and the origin shows the same frame, or slot of swap */
	PAGE_BROKEN,	/* anonymous, and the origin shows another, or the file's own */
	PAGE_LEFT,	/* as broken, but the origin wrote it: what we show is the old one */
	PAGE_UNCLEAR,	/* merged by the kernel, or one of both is in swap */
	PAGE_OWN,	/* anonymous memory where the origin has nothing: new, and not copied */
	PAGE_FATES,
};

/* One page as one process shows it. */
struct page_sight {
	uint64_t entry;	      /* of pagemap; 0: nothing, and where the origin has no such mapping */
	enum frame_kind kind; /* of its frame, if it is present; FRAME_SPECIAL: as nothing */
};

/* `of_file`: the mapping is a private one of a file. */
enum page_fate page_fate(struct page_sight ours, struct page_sight theirs, bool of_file);

/* A page that is broken, by whom is still to be seen. */
struct broken_page {
	uint32_t origin, process;
	uint32_t row; /* of the caller's, as kept and now */
	bool now;
	bool left; /* filled in: the origin wrote it */
	size_t kept;
	uint64_t page, frame;
};

/*
 * Two forks of one origin that show the same frame at the same address have it from the origin:
 * then it was the origin that wrote, once. Sorts the list. The number of writes of origins that are
 * known so. LIMIT: a grandchild that its origin has adopted counts as a fork of it.
 */
uint64_t fates_settle(struct broken_page *pages, size_t n);

/* A frame that somebody maps for writing, once for each such mapping. */
struct exposed_page {
	uint64_t frame;
	uint32_t mappings; /* in the whole system */
};

/*
 * How many pages it would take if all these mappings were written: each gets a copy of its own, but
 * for the last one where nobody else maps the frame. Sorts the list.
 */
uint64_t exposed_copies(struct exposed_page *pages, size_t n);

/* How a fate is called in documents. */
const char *page_fate_name(enum page_fate fate);

#endif
