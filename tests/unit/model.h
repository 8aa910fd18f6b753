/*
 * What a census should say, found the long way: every page of every process in one long list,
 * addresses by text of maps, counts one by one. Slow, and with nothing of the census in it.
 */
#ifndef TESTS_UNIT_MODEL_H
#define TESTS_UNIT_MODEL_H

#include <fcntl.h>
#include <linux/kernel-page-flags.h>

#include "tests/unit/measure.h"

struct model_page {
	uint64_t frame;
	size_t thing;
};

struct model {
	struct model_page *pages;
	size_t n, room;
	int count, flags;
};

/* Pages of one thing. */
struct model_figures {
	uint64_t unique, private, outside;
	uint64_t anon, forked; /* of unique, by kind */
};

static inline uint64_t model_word(int fd, uint64_t at)
{
	uint64_t word = 0;

	ck_assert_int_eq(pread(fd, &word, sizeof(word), (off_t)(at * sizeof(word))), sizeof(word));
	return word;
}

static inline void model_add(struct model *m, uint64_t frame, size_t thing)
{
	if (m->n == m->room) {
		m->room = m->room ? m->room * 2 : 65536;
		m->pages = realloc(m->pages, m->room * sizeof(*m->pages));
	}
	m->pages[m->n++] = (struct model_page){ frame, thing };
}

static inline void model_read_range(
	struct model *m, size_t thing, int pagemap, uint64_t start, uint64_t end)
{
	for (uint64_t at = start / PAGE; at < end / PAGE; at++) {
		uint64_t entry = 0;
		if (pread(pagemap, &entry, sizeof(entry), (off_t)(at * sizeof(entry))) <= 0)
			return;
		uint64_t frame = entry & ((1ULL << 55) - 1);
		if (entry >> 63 && frame)
			model_add(m, frame, thing);
	}
}

static inline void model_read(struct model *m, size_t thing, pid_t pid)
{
	char name[64], line[8192];

	snprintf(name, sizeof(name), "/proc/%d/pagemap", pid);
	int pagemap = open(name, O_RDONLY | O_CLOEXEC);
	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	FILE *maps = fopen(name, "re");
	ck_assert(pagemap >= 0 && maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end;
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && !(end >> 63))
			model_read_range(m, thing, pagemap, start, end);
	}
	fclose(maps);
	close(pagemap);
}

static inline int model_order(const void *a, const void *b)
{
	const struct model_page *x = a, *y = b;

	if (x->frame != y->frame)
		return x->frame < y->frame ? -1 : 1;
	return x->thing < y->thing ? -1 : x->thing > y->thing;
}

static inline struct model model_of(const struct census_thing *things, size_t n)
{
	struct model m = { .count = open("/proc/kpagecount", O_RDONLY | O_CLOEXEC),
		.flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC) };

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < things[i].n_pids; j++)
			model_read(&m, i, things[i].pids[j]);
	if (m.n)
		qsort(m.pages, m.n, sizeof(*m.pages), model_order);
	return m;
}

static inline void model_done(struct model *m)
{
	free(m->pages);
	close(m->count);
	close(m->flags);
}

/* One frame's pages, from `first` to `end` in the list. */
static inline void model_tally(
	const struct model *m, size_t first, size_t end, size_t thing, struct model_figures *ret)
{
	uint64_t frame = m->pages[first].frame, flags = model_word(m->flags, frame);
	uint64_t count = model_word(m->count, frame);
	bool alone = m->pages[first].thing == m->pages[end - 1].thing, has = false;

	if (flags & (1ULL << KPF_NOPAGE | 1ULL << KPF_ZERO_PAGE | 1ULL << 32))
		return;
	for (size_t i = first; i < end; i++)
		has |= m->pages[i].thing == thing;
	if (!has)
		return;
	bool is_anon =
		(flags >> KPF_ANON & 1) && !(flags >> KPF_KSM & 1) && !(flags >> KPF_HUGE & 1);
	ret->unique++;
	ret->outside += count > end - first;
	ret->private += alone && count == end - first;
	ret->anon += is_anon && count == 1;
	ret->forked += is_anon && count > 1;
}

static inline struct model_figures model_sum(const struct model *m, size_t thing)
{
	struct model_figures figures = { 0 };

	for (size_t i = 0, end; i < m->n; i = end) {
		for (end = i + 1; end < m->n && m->pages[end].frame == m->pages[i].frame;)
			end++;
		model_tally(m, i, end, thing, &figures);
	}
	return figures;
}

static inline uint64_t both(struct memory_kind kind)
{
	return kind.private_bytes + kind.shared_bytes;
}

static inline bool model_agrees(const struct census *c, const struct model *m)
{
	bool agrees = true;

	for (size_t i = 0; i < c->n_usages; i++) {
		struct model_figures f = model_sum(m, i);
		const struct memory_usage *u = &c->usages[i];
		agrees &= u->unique.value == f.unique * PAGE;
		agrees &= u->private.value == f.private * PAGE;
		agrees &= u->outside.value == f.outside * PAGE;
		agrees &= both(u->kinds->anon) == f.anon * PAGE;
		agrees &= both(u->kinds->forked) == f.forked * PAGE;
	}
	return agrees;
}

/*
 * A census of processes that are still, and every number of it as the model has it. Others that
 * have the same libraries may come or go between the two: so they may be asked again.
 */
static inline struct census take_modelled(
	const struct census_thing *things, size_t n, const struct census_options *options)
{
	for (int tries = 0;; tries++) {
		struct census c = take_with(things, n, options);
		struct model m = model_of(things, n);
		bool agrees = model_agrees(&c, &m);
		model_done(&m);
		if (agrees)
			return c;
		census_done(&c);
		ck_assert_int_lt(tries, 10);
	}
}

#endif
