/*
 * Pages that were written after they were frozen. One such page makes the kernel copy the page tables
 * of its whole mapping at each fork, and for ever: so the mapping is made anew, and the page gets one
 * of its own.
 */
#include <sys/mman.h>

#include "runtime/init/sys.h"
#include "runtime/init/text.h"
#include "runtime/template/pieces.h"

#define HOT_MAX (HOT_BYTES / 4096)

struct hot {
	unsigned n;
	uintptr_t at[HOT_MAX]; /* pages, ascending; what was in them is saved in the same order */
};

/* How many there are; as many as there is room for are saved. */
static uint64_t save(struct pieces *p, const struct piece *of, struct hot *h)
{
	const size_t room = HOT_BYTES / of->page;
	uint64_t found = 0;

	h->n = 0;
	for (uintptr_t at = of->start; at < of->end;) {
		size_t n = pieces_entries(p, at, of->end, of->page);
		if (!n)
			break;
		for (size_t i = 0; i < n; i++, at += of->page) {
			if (!page_is_anonymous(p->entries[i]) || found++ >= room)
				continue;
			memcpy(p->saved + h->n * of->page, (const void *)at, of->page);
			h->at[h->n++] = at;
		}
	}
	return found;
}

static int restore(const struct pieces *p, const struct piece *of, const struct hot *h,
	unsigned from, unsigned n)
{
	const size_t bytes = n * of->page;
	const int flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS;
	void *at = (void *)h->at[from];

	if (sys(mmap, at, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) != (long)h->at[from])
		return -ENOTRECOVERABLE;
	memcpy(at, p->saved + from * of->page, bytes);
	if (of->protection != (PROT_READ | PROT_WRITE))
		sys(mprotect, at, bytes, of->protection);
	return 0;
}

/* What follows the hot run that ends at `at` is a piece of its own. */
static struct piece *piece_after(struct pieces *p, struct piece *of, uintptr_t start, uintptr_t at)
{
	struct piece *rest = &p->all[p->n++];

	*rest = *of;
	rest->offset = offset_of(of, at);
	rest->start = at;
	of->end = start;
	return rest;
}

static int split(struct pieces *p, struct piece *of, const struct hot *h)
{
	if (piece_map(p, of, of->start, of->end) < 0)
		return -ENOTRECOVERABLE;
	for (unsigned i = 0, n; i < h->n; i += n) {
		for (n = 1; i + n < h->n && h->at[i + n] == h->at[i] + n * of->page; n++)
			;
		int r = restore(p, of, h, i, n);
		if (r < 0)
			return r;
		of = piece_after(p, of, h->at[i], h->at[i] + n * of->page);
		size_add(&p->report->left[FREEZE_HOT], n * of->page);
		p->report->frozen.bytes -= n * of->page;
	}
	return 0;
}

int pieces_split_hot(struct pieces *p)
{
	const unsigned n = p->n;
	int split_now = 0;
	struct hot h;

	p->report->still_hot = (struct freeze_size){ 0 };
	for (unsigned i = 0; i < n; i++) {
		struct piece *of = &p->all[i];
		uint64_t found = save(p, of, &h);
		if (!found)
			continue;
		if (found > h.n || p->n + h.n > PIECES_MAX) {
			size_add(&p->report->still_hot, of->end - of->start);
			continue;
		}
		int r = split(p, of, &h);
		if (r < 0)
			return r;
		split_now++;
	}
	return split_now;
}
