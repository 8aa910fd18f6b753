/* Pages of one process, as they come: whose doing a break was, and what is to be remembered. */
#include "cgroup/breaks_look.h"

#include <errno.h>
#include <stdlib.h>

bool look_grow(void *list, size_t n, size_t *room, size_t size)
{
	void **v = list;

	if (n < *room)
		return true;
	size_t more = *room ? *room * 2 : 256;
	void *bigger = reallocarray(*v, more, size);
	if (!bigger)
		return false;
	*v = bigger;
	*room = more;
	return true;
}

/* What the last look saw there. Pages come by rising address, in both. */
static const struct kept_page *find_kept(struct turn *t, uint64_t page)
{
	const struct seen_process *last = t->last;

	while (last && t->at < last->n && last->pages[t->at].page < page)
		t->at++;
	return last && t->at < last->n && last->pages[t->at].page == page ? &last->pages[t->at]
									  : NULL;
}

/* Whose doing it was, as far as the last look knows; and whether it is since then. */
static enum page_fate ascribe(struct turn *t, const struct seen_page *p, bool of_file,
	struct breaks_counts *counts, bool *ret_now)
{
	const struct kept_page *was = find_kept(t, p->page);
	bool same = was && was->frame == p->frame;

	*ret_now = false;
	if (p->fate != PAGE_BROKEN)
		return p->fate;
	if (same && was->fate == PAGE_LEFT)
		return PAGE_LEFT;
	if (same && was->fate == PAGE_INHERITED) {
		counts->left_now++;
		return PAGE_LEFT;
	}
	if (!t->last)
		*ret_now = t->look->b->has_looked;
	else if (was)
		*ret_now = was->fate != PAGE_BROKEN;
	else
		*ret_now = of_file;
	counts->broken_now += *ret_now;
	return PAGE_BROKEN;
}

static int keep(struct look *l, uint32_t number, const struct seen_page *p, enum page_fate fate)
{
	struct seen_process *seen = &l->seen[number];

	if (!l->remember || (fate != PAGE_INHERITED && fate != PAGE_BROKEN && fate != PAGE_LEFT))
		return 0;
	if (!look_grow(&seen->pages, seen->n, &seen->room, sizeof(*seen->pages)))
		return -ENOMEM;
	seen->pages[seen->n++] = (struct kept_page){ p->page, p->frame, fate };
	return 0;
}

static int add_broken(struct turn *t, size_t mapping, const struct seen_page *p, bool now)
{
	struct look *l = t->look;

	if (t->relation == RELATION_NONE)
		return 0;
	if (!look_grow(&l->broken, l->n_broken, &l->broken_room, sizeof(*l->broken)))
		return -ENOMEM;
	l->broken[l->n_broken++] = (struct broken_page){
		.origin = (uint32_t)t->origin.pid,
		.process = t->number,
		.row = (uint32_t)mapping,
		.now = now,
		.page = p->page,
		.frame = p->frame,
		.kept = l->remember ? l->seen[t->number].n - 1 : 0,
	};
	return 0;
}

static int add_exposed(struct turn *t, const struct seen_page *p)
{
	struct look *l = t->look;
	uint32_t mappings = p->mappings;

	t->n_swapped += p->is_swapped;
	if (p->is_swapped)
		return 0;
	if (!l->b->counts) /* what is known: one of ours, or of an origin outside */
		mappings = p->fate == PAGE_INHERITED && t->is_outside ? UINT32_MAX : 1;
	else if (mappings <= 1)
		return 0;
	if (!look_grow(&l->exposed, l->n_exposed, &l->exposed_room, sizeof(*l->exposed)))
		return -ENOMEM;
	l->exposed[l->n_exposed++] = (struct exposed_page){ p->frame, mappings };
	return 0;
}

int look_visit(
	void *context, size_t mapping, const struct seen_page *pages, size_t n, struct err *e)
{
	struct turn *t = context;
	const struct mapping *m = &t->mappings.v[mapping];
	struct breaks_counts *counts = &t->counts[mapping];
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct seen_page *p = &pages[i];
		bool now;
		enum page_fate fate = ascribe(t, p, m->inode != 0, counts, &now);
		counts->pages[fate]++;
		r = keep(t->look, t->number, p, fate);
		if (r == 0 && fate == PAGE_BROKEN)
			r = add_broken(t, mapping, p, now);
		if (fate == PAGE_FILE)
			continue;
		t->anonymous[mapping]++;
		if (r == 0 && m->writable)
			r = add_exposed(t, p);
	}
	return r < 0 ? err_set(e, -r, "compare processes") : 0;
}
