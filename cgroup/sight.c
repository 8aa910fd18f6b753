/* Pages of two processes, address by address. */
#include "cgroup/sight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_PAGES 4096
#define LOOK_GAP 4 /* frames that nobody asked for are cheaper than a call */

struct sight_buffer {
	uint64_t ours[N_PAGES], theirs[N_PAGES];
	struct seen_page pages[N_PAGES];
	uint64_t frames[2 * N_PAGES]; /* what is to be looked up, in order */
	struct frame_fact facts[2 * N_PAGES];
	size_t n_frames;
};

/* One reading: the part of a mapping that is compared, or has nothing to be compared with. */
struct span {
	struct sight *s;
	int ours, theirs;
	size_t mapping;
	bool of_file;
	sight_visit *visit;
	void *context;
};

int sight_init(struct sight *s, struct pagemap *pagemap, struct kpage *kpage, struct err *e)
{
	*s = (struct sight){ pagemap, kpage, malloc(sizeof(*s->buffer)) };
	return s->buffer ? 0 : err_set(e, ENOMEM, "compare processes");
}

void sight_done(struct sight *s)
{
	free(s->buffer);
	*s = (struct sight){ 0 };
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Of anonymous pages alone: what is of a file says so in its entry. */
static bool is_looked_up(uint64_t entry)
{
	return (entry & PAGEMAP_PRESENT) && !(entry & PAGEMAP_FILE);
}

static void gather(struct sight_buffer *b, size_t n)
{
	size_t kept = 0;

	b->n_frames = 0;
	for (size_t i = 0; i < n; i++) {
		if (is_looked_up(b->ours[i]))
			b->frames[b->n_frames++] = b->ours[i] & PAGEMAP_FRAME;
		if (is_looked_up(b->theirs[i]) && b->theirs[i] != b->ours[i])
			b->frames[b->n_frames++] = b->theirs[i] & PAGEMAP_FRAME;
	}
	if (b->n_frames)
		qsort(b->frames, b->n_frames, sizeof(*b->frames), by_number);
	for (size_t i = 0; i < b->n_frames; i++)
		if (!kept || b->frames[kept - 1] != b->frames[i])
			b->frames[kept++] = b->frames[i];
	b->n_frames = kept;
}

static int look_up(struct sight *s, size_t n, struct err *e)
{
	struct sight_buffer *b = s->buffer;
	struct frame_fact facts[FRAMES_LOOK_MAX];

	gather(b, n);
	for (size_t i = 0, end; i < b->n_frames; i = end) {
		uint64_t first = b->frames[i];
		for (end = i + 1; end < b->n_frames && b->frames[end] - first < FRAMES_LOOK_MAX &&
				  b->frames[end] - b->frames[end - 1] <= LOOK_GAP;)
			end++;
		int r = kpage_look(s->kpage, first, b->frames[end - 1] - first + 1, facts, e);
		if (r < 0)
			return r;
		for (size_t j = i; j < end; j++)
			b->facts[j] = facts[b->frames[j] - first];
	}
	return 0;
}

static struct page_sight sight_of(const struct sight_buffer *b, uint64_t entry, uint32_t *mappings)
{
	struct page_sight sight = { entry, FRAME_FILE };
	uint64_t frame = entry & PAGEMAP_FRAME;

	*mappings = FRAMES_UNKNOWN;
	if (!is_looked_up(entry))
		return sight;
	const uint64_t *at = bsearch(&frame, b->frames, b->n_frames, sizeof(*b->frames), by_number);
	if (at) {
		sight.kind = b->facts[at - b->frames].kind;
		*mappings = b->facts[at - b->frames].mappings;
	}
	return sight;
}

/* `again`: only pages that were said to differ. How many differ. */
static size_t judge(const struct span *span, uint64_t first, size_t n, bool again)
{
	struct sight_buffer *b = span->s->buffer;
	size_t differ = 0;

	for (size_t i = 0; i < n; i++) {
		struct seen_page *p = &b->pages[i];
		if (again && p->fate != PAGE_BROKEN && p->fate != PAGE_UNCLEAR)
			continue;
		uint32_t mappings, others;
		struct page_sight ours = sight_of(b, b->ours[i], &mappings);
		struct page_sight theirs = sight_of(b, b->theirs[i], &others);
		*p = (struct seen_page){
			.page = first + i,
			.frame = b->ours[i] & (PAGEMAP_FRAME | PAGEMAP_SWAPPED),
			.fate = page_fate(ours, theirs, span->of_file),
			.mappings = mappings,
			.is_swapped = b->ours[i] & PAGEMAP_SWAPPED,
		};
		differ += p->fate == PAGE_BROKEN || p->fate == PAGE_UNCLEAR;
	}
	return differ;
}

/* n entries, with zeros where the process has nothing. */
static int read_entries(
	const struct span *span, int fd, uint64_t page, size_t n, uint64_t *into, struct err *e)
{
	ssize_t got = fd < 0 ? 0 : pagemap_entries(span->s->pagemap, fd, page, n, into);

	if (got < 0)
		return err_set(e, (int)-got, "read the pagemap of a process");
	if (got == 0 && fd >= 0)
		return err_set(e, ESRCH, "read the pagemap of a process");
	memset(into + got, 0, (n - (size_t)got) * sizeof(*into));
	return 0;
}

static int read_chunk(const struct span *span, uint64_t first, size_t n, struct err *e)
{
	struct sight_buffer *b = span->s->buffer;
	int r = read_entries(span, span->theirs, first, n, b->theirs, e);

	if (r == 0)
		r = read_entries(span, span->ours, first, n, b->ours, e);
	if (r == 0)
		r = look_up(span->s, n, e);
	size_t differ = r < 0 ? 0 : judge(span, first, n, false);
	if (differ && span->theirs >= 0) {
		r = read_entries(span, span->theirs, first, n, b->theirs, e);
		if (r == 0)
			r = look_up(span->s, n, e);
		if (r == 0)
			judge(span, first, n, true);
	}
	if (r < 0)
		return r;
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (b->pages[i].fate != PAGE_NOTHING)
			b->pages[kept++] = b->pages[i];
	return kept ? span->visit(span->context, span->mapping, b->pages, kept, e) : 0;
}

static int read_span(void *context, uint64_t start, uint64_t end, struct err *e)
{
	int r = 0;

	for (uint64_t at = start; r == 0 && at < end; at += N_PAGES)
		r = read_chunk(context, at, end - at < N_PAGES ? end - at : N_PAGES, e);
	return r;
}

static int read_part(struct span *span, int theirs, uint64_t start, uint64_t end, struct err *e)
{
	if (start >= end)
		return 0;
	span->theirs = theirs;
	return pagemap_spans(span->s->pagemap, span->ours, start, end, read_span, span, e);
}

/* A mapping in parts: where the origin has the same, and where it has not. *at goes over its list. */
static int read_mapping(struct span *span, const struct mapping *m, int theirs,
	const struct mappings *other, size_t *at, struct err *e)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), from = m->start;
	int r = 0;

	while (other && *at < other->n && other->v[*at].end <= m->start)
		++*at;
	for (size_t i = *at; r == 0 && other && i < other->n && other->v[i].start < m->end; i++) {
		const struct mapping *o = &other->v[i];
		if (!mapping_is_same(m, o, page))
			continue;
		uint64_t start = o->start > from ? o->start : from;
		uint64_t end = o->end < m->end ? o->end : m->end;
		r = read_part(span, -1, from, start, e);
		if (r == 0)
			r = read_part(span, theirs, start, end, e);
		from = end;
	}
	return r < 0 ? r : read_part(span, -1, from, m->end, e);
}

int sight_read(struct sight *s, int ours, const struct mappings *mappings, int theirs,
	const struct mappings *other, sight_visit *visit, void *context, struct err *e)
{
	struct span span = { .s = s, .ours = ours, .visit = visit, .context = context };
	size_t at = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < mappings->n; i++) {
		const struct mapping *m = &mappings->v[i];
		if (!m->private || m->special)
			continue;
		span.mapping = i;
		span.of_file = m->inode != 0;
		r = read_mapping(&span, m, theirs, other, &at, e);
	}
	return r;
}
