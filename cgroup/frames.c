/* Page frames by owner sets: a table by frame number, a trie of sets, and the sums over both. */
#include "cgroup/frames.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NO_OWNER UINT32_MAX
#define EMPTY_SET 0
#define NO_SET UINT32_MAX

/* Reading a frame that nobody added is cheaper than one more run, up to this many of them. */
#define RUN_GAP 8

struct frame_entry {
	uint32_t set, mappings;
};

/*
 * One owner more than its parent's set. Owners come in rising order, so a set needs to remember
 * only the last child that was made from it: no other can be asked for again.
 */
struct owner_set {
	uint32_t parent, owner;
	uint32_t last_child, last_child_owner;
};

/* Frames by kind, and whether they are mapped from outside too. */
struct set_sum {
	uint64_t own[FRAME_KINDS][2];	/* whose owners are exactly this set */
	uint64_t total[FRAME_KINDS][2]; /* of this set and all that were made from it */
	uint64_t large;
	/* The owners before and with the last one that are consecutive, and the set before those.
	 */
	uint32_t run_first, run_before;
};

/* Of a settled cell: n is one of these by kind, or 0 where nothing counts. */
#define STATE_COUNTS 1U
#define STATE_OUTSIDE 2U
#define STATE_LARGE 4U
#define STATE_KIND_SHIFT 8

void frames_init(struct frames *f)
{
	*f = (struct frames){ .host = FRAMES_NO_HOST, .sets_max = FRAMES_SETS_MAX };
	frame_table_init(&f->table);
}

void frames_done(struct frames *f)
{
	frame_table_done(&f->table);
	free(f->sets);
	free(f->sums);
	frames_init(f);
}

static int sets_grow(struct frames *f)
{
	size_t room = f->sets_room ? f->sets_room * 2 : 256;

	if (room > f->sets_max)
		return -E2BIG;
	struct owner_set *sets = realloc(f->sets, room * sizeof(*sets));
	if (!sets)
		return -ENOMEM;
	if (!f->sets)
		sets[f->n_sets++] = (struct owner_set){ EMPTY_SET, NO_OWNER, 0, NO_OWNER };
	f->sets = sets;
	f->sets_room = room;
	return 0;
}

/* The set that `from` and `owner` make together. */
static int set_with(struct frames *f, uint32_t from, uint32_t owner, uint32_t *ret)
{
	struct owner_set *set = &f->sets[from];

	if (set->owner == owner) {
		*ret = from;
		return 0;
	}
	if (set->last_child_owner == owner) {
		*ret = set->last_child;
		return 0;
	}
	if (f->n_sets == f->sets_room) {
		int r = sets_grow(f);
		if (r < 0)
			return r;
	}
	uint32_t made = (uint32_t)f->n_sets++;
	f->sets[made] = (struct owner_set){ from, owner, 0, NO_OWNER };
	f->sets[from].last_child = made;
	f->sets[from].last_child_owner = owner;
	*ret = made;
	return 0;
}

/*
 * The hot loop of a census: once for each page of each process. Neighbours are mostly of one set,
 * and a set and an owner always make the same one.
 */
static int add(struct frames *f, uint32_t owner, bool again, const uint64_t *numbers, size_t n)
{
	uint32_t from = NO_SET, to = EMPTY_SET;

	for (size_t i = 0; i < n; i++) {
		struct frame_cell *cell;
		int r = frame_table_at(&f->table, numbers[i], &cell);
		if (r == 0 && cell->mark != from) {
			from = cell->mark;
			r = set_with(f, from, owner, &to);
		}
		if (r < 0)
			return r;
		f->n_frames += from == EMPTY_SET;
		cell->mark = to;
		cell->n += !again;
	}
	return 0;
}

int frames_add(struct frames *f, uint32_t owner, bool again, const uint64_t *numbers, size_t n,
	struct err *e)
{
	if (owner == NO_OWNER || (f->n_sets && owner < f->last_owner))
		return err_say(
			e, EINVAL, "add frames: owner %u comes after %u", owner, f->last_owner);
	int r = f->sets ? 0 : sets_grow(f);
	f->last_owner = owner;
	if (r == 0)
		r = add(f, owner, again, numbers, n);
	if (r == -E2BIG)
		return err_say(e, E2BIG, "add page frames: more than %u different sets of owners",
			(unsigned)f->sets_max);
	return r < 0 ? err_set(e, -r, "add %zu page frames to the table", n) : 0;
}

/* Of the host alone: no business of the others. */
static bool is_of_host(const struct frames *f, uint32_t set)
{
	return f->sets[set].owner == f->host.owner && f->sets[set].parent == EMPTY_SET;
}

/* Counts a frame with its set, and leaves in the cell what it is. */
static void tally(struct frames *f, struct frame_cell *cell, const struct frame_fact *fact)
{
	uint32_t mappings = cell->n;

	cell->n = 0;
	if (!mappings || fact->kind >= FRAME_KINDS)
		return;
	bool known = fact->mappings != FRAMES_UNKNOWN;
	bool outside = known && fact->mappings > mappings;
	/* Shared page tables of hugetlb are one mapping to the kernel, and several to us. */
	if (known && fact->mappings < mappings && fact->kind != FRAME_HUGETLB)
		f->n_moved += !is_of_host(f, cell->mark);
	uint32_t kind = fact->kind;
	if (kind == FRAME_ANON && (outside || mappings > 1))
		kind = FRAME_FORKED;
	f->sums[cell->mark].own[kind][outside]++;
	f->sums[cell->mark].large += fact->large;
	cell->n = STATE_COUNTS | (outside ? STATE_OUTSIDE : 0) | (fact->large ? STATE_LARGE : 0) |
		  kind << STATE_KIND_SHIFT;
}

/* From `at` on: the first frame that is in use, and the end of the run that begins there. */
static bool run_find(const struct frame_cell *cells, size_t at, size_t *ret_first, size_t *ret_end)
{
	while (at < FRAME_BLOCK_CELLS && !cells[at].n)
		at++;
	if (at == FRAME_BLOCK_CELLS)
		return false;
	size_t end = at + 1;
	for (size_t i = end; i < FRAME_BLOCK_CELLS && i <= end + RUN_GAP; i++)
		if (cells[i].n)
			end = i + 1;
	*ret_first = at;
	*ret_end = end;
	return true;
}

static int settle_block(struct frames *f, uint64_t base, struct frame_cell *cells,
	frames_look *look, void *context, struct err *e)
{
	struct frame_fact facts[FRAMES_LOOK_MAX];
	size_t first, end = 0;

	while (run_find(cells, end, &first, &end)) {
		int r = look(context, base + first, end - first, facts, e);
		if (r < 0)
			return r;
		for (size_t i = first; i < end; i++)
			tally(f, &cells[i], &facts[i - first]);
	}
	return 0;
}

/*
 * What the host maps is outside for all others; sets with it are leaves, since it is the last
 * owner. Where it does not count, they become those of the others.
 */
static void fold_host(struct frames *f)
{
	struct frames_host host = f->host;

	for (size_t s = 1; s < f->n_sets; s++) {
		if (f->sets[s].owner != host.owner || (is_of_host(f, (uint32_t)s) && host.counts))
			continue;
		struct set_sum *from = &f->sums[s];
		struct set_sum *to = host.counts ? from : &f->sums[f->sets[s].parent];
		for (size_t kind = 0; kind < FRAME_KINDS; kind++) {
			uint64_t n = from->own[kind][0] + from->own[kind][1];
			from->own[kind][0] = from->own[kind][1] = 0;
			to->own[kind][1] += n;
		}
		if (host.counts)
			continue;
		to->large += from->large;
		*from = (struct set_sum){ 0 };
	}
}

/* A set is made after its parent, so backwards every child comes before. */
static void add_up(struct frames *f)
{
	for (size_t s = f->n_sets; s-- > 1;) {
		struct set_sum *sum = &f->sums[s], *parent = &f->sums[f->sets[s].parent];
		for (size_t i = 0; i < 2 * (size_t)FRAME_KINDS; i++) {
			sum->total[i / 2][i % 2] += sum->own[i / 2][i % 2];
			parent->total[i / 2][i % 2] += sum->total[i / 2][i % 2];
		}
		parent->large += sum->large;
	}
}

/* Forked one after the other, containers share with whole ranges of others: one step for each. */
static void find_runs(struct frames *f)
{
	for (uint32_t s = 1; s < f->n_sets; s++) {
		struct set_sum *sum = &f->sums[s];
		uint32_t parent = f->sets[s].parent;
		bool goes_on = parent != EMPTY_SET && f->sets[parent].owner + 1 == f->sets[s].owner;
		sum->run_first = goes_on ? f->sums[parent].run_first : f->sets[s].owner;
		sum->run_before = goes_on ? f->sums[parent].run_before : parent;
	}
}

int frames_settle(
	struct frames *f, struct frames_host host, frames_look *look, void *context, struct err *e)
{
	struct frame_cell *cells;

	if (!f->n_sets)
		return 0;
	f->host = host;
	f->sums = calloc(f->n_sets, sizeof(*f->sums));
	if (!f->sums)
		return err_set(e, ENOMEM, "add up %zu sets of page frames", f->n_sets);
	for (uint64_t at = 0; (cells = frame_table_next(&f->table, &at)); at += FRAME_BLOCK_CELLS) {
		int failed = settle_block(f, at, cells, look, context, e);
		if (failed < 0)
			return failed;
	}
	if (host.owner != NO_OWNER)
		fold_host(f);
	add_up(f);
	find_runs(f);
	return 0;
}

void frames_count(const struct frames *f, struct frame_counts *counts, size_t n_owners)
{
	for (size_t s = 1; f->sums && s < f->n_sets; s++) {
		const struct set_sum *sum = &f->sums[s];
		if (f->sets[s].owner >= n_owners)
			continue;
		struct frame_counts *of = &counts[f->sets[s].owner];
		bool alone = f->sets[s].parent == EMPTY_SET;
		for (size_t kind = 0; kind < FRAME_KINDS; kind++) {
			uint64_t private = alone ? sum->own[kind][0] : 0;
			of->private[kind] += private;
			of->shared[kind] += sum->total[kind][0] + sum->total[kind][1] - private;
			of->outside += sum->total[kind][1];
		}
		of->large += sum->large;
	}
}

static uint64_t total_of(const struct set_sum *sum)
{
	uint64_t n = 0;

	for (size_t i = 0; i < 2 * (size_t)FRAME_KINDS; i++)
		n += sum->total[i / 2][i % 2];
	return n;
}

/* Row `owner` of the triangle holds differences from cell to cell: makes them cells. */
static void add_up_row(uint64_t *row, size_t n)
{
	for (size_t i = 1; i < n; i++)
		row[i] += row[i - 1];
}

/*
 * Every frame of a set, and of all made from it, is shared by the set's last owner with each owner
 * before it: so the work is the number of runs in the paths, and not the square of the sets' sizes.
 * Sets are in the order of their last owner, so each row is begun once and ended once.
 */
void frames_share(const struct frames *f, uint64_t *triangle, size_t n_owners)
{
	uint32_t owner = 0;
	uint64_t *row = triangle;

	for (size_t s = 1; f->sums && s < f->n_sets && f->sets[s].owner < n_owners; s++) {
		uint64_t n = total_of(&f->sums[s]);
		if (f->sets[s].owner != owner) {
			add_up_row(row, owner);
			owner = f->sets[s].owner;
			row = &triangle[frames_pair(0, owner)];
		}
		for (uint32_t p = f->sets[s].parent; p != EMPTY_SET; p = f->sums[p].run_before) {
			row[f->sums[p].run_first] += n;
			if (f->sets[p].owner + 1 < owner)
				row[f->sets[p].owner + 1] -= n;
		}
	}
	add_up_row(row, owner);
}

bool frames_has_large(const struct frames *f)
{
	return f->sums && f->sums[EMPTY_SET].large;
}

uint64_t frames_union(const struct frames *f)
{
	uint64_t n = f->sums ? total_of(&f->sums[EMPTY_SET]) : 0;

	for (uint32_t s = 1; f->sums && s < f->n_sets; s++)
		if (is_of_host(f, s))
			n -= total_of(&f->sums[s]);
	return n;
}

static bool state_of(const struct frames *f, const struct frame_cell *cell, struct frame_state *ret)
{
	if (!cell || !cell->n)
		return false;
	*ret = (struct frame_state){
		.set = cell->mark,
		.kind = (uint8_t)(cell->n >> STATE_KIND_SHIFT),
		.outside = cell->n & STATE_OUTSIDE,
		.large = cell->n & STATE_LARGE,
	};
	if (!f->host.counts && f->sets[ret->set].owner == f->host.owner) {
		ret->set = f->sets[ret->set].parent;
		ret->outside = true;
	}
	return ret->set != EMPTY_SET;
}

bool frames_find(const struct frames *f, uint64_t number, struct frame_state *ret)
{
	return f->sums && state_of(f, frame_table_look(&f->table, number), ret);
}

int frames_each(const struct frames *f, frames_visit *visit, void *context, struct err *e)
{
	const struct frame_cell *cells;
	uint64_t at = 0;
	struct frame_state state;
	int failed = 0;

	for (; f->sums && (cells = frame_table_next(&f->table, &at)); at += FRAME_BLOCK_CELLS)
		for (size_t i = 0; failed == 0 && i < FRAME_BLOCK_CELLS; i++)
			if (state_of(f, &cells[i], &state))
				failed = visit(context, at + i, &state, e);
	return failed;
}

uint32_t frames_owner(const struct frames *f, uint32_t *set)
{
	uint32_t owner = f->sets[*set].owner;

	*set = f->sets[*set].parent;
	return owner;
}

static uint64_t pages_of(const struct set_sum *sum)
{
	uint64_t n = 0;

	for (size_t kind = 0; kind < FRAME_KINDS; kind++)
		n += sum->own[kind][0];
	return n;
}

/* Whether the owners of each set are of one party: those of its parent and its last one are. */
static void find_within(const struct frames *f, const uint32_t *parties, bool *within)
{
	for (size_t s = 1; s < f->n_sets; s++) {
		uint32_t parent = f->sets[s].parent;
		within[s] = parent == EMPTY_SET ||
			    (within[parent] &&
				    parties[f->sets[parent].owner] == parties[f->sets[s].owner]);
	}
}

/* Parties are rows of owners, so what is within one is so all the way from the set to its first. */
int frames_count_within(const struct frames *f, const uint32_t *parties, uint64_t *pages)
{
	autofree uint64_t *totals = calloc(f->n_sets + 1, sizeof(*totals));
	autofree bool *within = calloc(f->n_sets + 1, sizeof(*within));

	if (!totals || !within)
		return -ENOMEM;
	find_within(f, parties, within);
	for (size_t s = f->sums ? f->n_sets : 0; s-- > 1;) {
		if (!within[s])
			continue;
		totals[s] += pages_of(&f->sums[s]);
		totals[f->sets[s].parent] += totals[s];
		pages[f->sets[s].owner] += totals[s];
	}
	return 0;
}
