/*
 * Two processes side by side: the pages of one's private mappings, each with what the other shows
 * at the same address.
 *
 * Pages that differ are looked at again before they are said to: the kernel moves frames, and when
 * it does it moves them for all at once, but between two readings.
 */
#ifndef CGROUP_SIGHT_H
#define CGROUP_SIGHT_H

#include "cgroup/fate.h"
#include "cgroup/kpage.h"
#include "cgroup/mappings.h"
#include "cgroup/pagemap.h"

/* One page that is there, or in swap. */
struct seen_page {
	uint64_t page, frame; /* of a page in swap its slot, which no frame is equal to */
	enum page_fate fate;
	uint32_t mappings; /* of its frame in the whole system, or FRAMES_UNKNOWN */
	bool is_swapped;
};

/* Pages of mappings[mapping], by rising address. Below 0 ends it. */
typedef int sight_visit(
	void *context, size_t mapping, const struct seen_page *pages, size_t n, struct err *e);

struct sight_buffer;

struct sight {
	struct pagemap *pagemap; /* borrowed, both */
	struct kpage *kpage;
	struct sight_buffer *buffer;
};

int sight_init(struct sight *s, struct pagemap *pagemap, struct kpage *kpage, struct err *e);
void sight_done(struct sight *s);
DEFINE_AUTO(sight, sight_done)

/*
 * `ours` is a pagemap, and `theirs` that of the origin, with its mappings; -1 and NULL: it has none.
 * -ESRCH: one of the two has ended.
 */
int sight_read(struct sight *s, int ours, const struct mappings *mappings, int theirs,
	const struct mappings *other, sight_visit *visit, void *context, struct err *e);

#endif
