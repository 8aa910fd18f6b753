/* Inherited pages, and what became of them. */
#include "cgroup/fate.h"

#include <stdlib.h>

#include "cgroup/pagemap.h"

enum standing { STANDS_NOT, STANDS_AS_FILE, STANDS_IN_MEMORY, STANDS_IN_SWAP };

static enum standing standing(struct page_sight s)
{
	/* A page under migration is there again at once; markers (guards) are no pages. */
	if (s.entry & PAGEMAP_SWAPPED)
		return PAGEMAP_SWAP_TYPE(s.entry) < PAGEMAP_SWAP_TYPES ? STANDS_IN_SWAP
								       : STANDS_NOT;
	if (!(s.entry & PAGEMAP_PRESENT) || s.kind == FRAME_SPECIAL)
		return STANDS_NOT;
	return s.entry & PAGEMAP_FILE ? STANDS_AS_FILE : STANDS_IN_MEMORY;
}

enum page_fate page_fate(struct page_sight ours, struct page_sight theirs, bool of_file)
{
	enum standing mine = standing(ours), other = standing(theirs);
	bool same = (ours.entry & PAGEMAP_FRAME) == (theirs.entry & PAGEMAP_FRAME);

	if (mine == STANDS_NOT)
		return PAGE_NOTHING;
	if (mine == STANDS_AS_FILE)
		return PAGE_FILE;
	if (other == STANDS_NOT)
		return of_file ? PAGE_BROKEN : PAGE_OWN;
	if (other == STANDS_AS_FILE)
		return PAGE_BROKEN;
	if (mine != other)
		return PAGE_UNCLEAR;
	if (same)
		return PAGE_INHERITED;
	/* The kernel merges the page of one before that of the other; nobody has written then. */
	bool merged =
		mine == STANDS_IN_MEMORY && (ours.kind == FRAME_KSM || theirs.kind == FRAME_KSM);
	return merged ? PAGE_UNCLEAR : PAGE_BROKEN;
}

#define COMPARE(x, y) (((x) > (y)) - ((x) < (y)))

static int by_origin(const void *a, const void *b)
{
	const struct broken_page *x = a, *y = b;

	if (x->origin != y->origin)
		return COMPARE(x->origin, y->origin);
	if (x->page != y->page)
		return COMPARE(x->page, y->page);
	return COMPARE(x->frame, y->frame);
}

uint64_t fates_settle(struct broken_page *pages, size_t n)
{
	uint64_t written = 0;

	if (n)
		qsort(pages, n, sizeof(*pages), by_origin);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && by_origin(&pages[i], &pages[end]) == 0; end++)
			pages[end].left = pages[i].left = true;
		written += pages[i].left;
	}
	return written;
}

static int by_frame(const void *a, const void *b)
{
	const struct exposed_page *x = a, *y = b;

	return COMPARE(x->frame, y->frame);
}

uint64_t exposed_copies(struct exposed_page *pages, size_t n)
{
	uint64_t copies = 0;

	if (n)
		qsort(pages, n, sizeof(*pages), by_frame);
	for (size_t i = 0, end; i < n; i = end) {
		uint32_t mappings = 0;
		for (end = i; end < n && pages[end].frame == pages[i].frame; end++)
			if (pages[end].mappings > mappings)
				mappings = pages[end].mappings;
		copies += end - i - (mappings <= end - i);
	}
	return copies;
}

const char *page_fate_name(enum page_fate fate)
{
	static const char *const names[PAGE_FATES] = { "nothing", "file", "inherited", "broken",
		"left", "unclear", "own" };

	return names[fate];
}
