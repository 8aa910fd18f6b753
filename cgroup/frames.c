/* Page frames by owner sets: a table by frame number, a trie of sets, and the sums over both. */
#include "cgroup/frames.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A frame number is region (1 GiB), block (2 MiB), entry (4 KiB): 52 physical bits at most. */
#define BLOCK_SHIFT 9
#define BLOCK_FRAMES (1U << BLOCK_SHIFT)
#define REGION_SHIFT 18
#define REGION_BLOCKS (1U << (REGION_SHIFT - BLOCK_SHIFT))
#define FRAME_LIMIT (1ULL << 40)

#define TABLE 4096 /* bytes of a region, and of a block */

#define NO_OWNER UINT32_MAX
#define EMPTY_SET 0

/* Reading a frame that nobody added is cheaper than one more run, up to this many of them. */
#define RUN_GAP 8

struct frame_entry {
	uint32_t set, mappings;
};

struct frame_region {
	struct frame_entry *blocks[REGION_BLOCKS];
};

_Static_assert(sizeof(struct frame_region) == TABLE, "a region is a table");
_Static_assert(sizeof(struct frame_entry) * BLOCK_FRAMES == TABLE, "a block is a table");

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

/* Tables come from chunks of 2 MiB, which one fault can fill where large pages are to be had. */
#define CHUNK ((size_t)2 << 20)

struct frame_chunk {
	struct frame_chunk *next;
	size_t used;
	void *mapping; /* what the kernel gave: twice as much address space, for the alignment */
};

void frames_init(struct frames *f)
{
	*f = (struct frames){ .last_block = UINT64_MAX };
}

void frames_done(struct frames *f)
{
	for (struct frame_chunk *chunk = f->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		munmap(chunk->mapping, 2 * CHUNK);
	}
	free(f->regions);
	free(f->sets);
	free(f->sums);
	frames_init(f);
}

static int chunks_grow(struct frames *f)
{
	char *mapping = mmap(NULL, 2 * CHUNK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mapping == MAP_FAILED)
		return -ENOMEM;
	struct frame_chunk *chunk =
		(struct frame_chunk *)(((uintptr_t)mapping + CHUNK - 1) & ~(CHUNK - 1));
	madvise(chunk, CHUNK, MADV_HUGEPAGE); /* only a wish */
	*chunk = (struct frame_chunk){ f->chunks, TABLE, mapping };
	f->chunks = chunk;
	return 0;
}

/* TABLE bytes of zeros, freed with the set; NULL when out of memory. */
static void *table_make(struct frames *f)
{
	if ((!f->chunks || f->chunks->used == CHUNK) && chunks_grow(f) < 0)
		return NULL;
	void *table = (char *)f->chunks + f->chunks->used;
	f->chunks->used += TABLE;
	return table;
}

static int sets_grow(struct frames *f)
{
	size_t room = f->sets_room ? f->sets_room * 2 : 256;

	if (room > FRAMES_SETS_MAX)
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

static int regions_grow(struct frames *f, size_t need)
{
	/* By calloc and copy: of a large new array only what is used becomes resident. */
	size_t n = f->n_regions * 2 > need ? f->n_regions * 2 : need;
	struct frame_region **regions = calloc(n, sizeof(void *));

	if (!regions)
		return -ENOMEM;
	if (f->n_regions)
		memcpy(regions, f->regions, f->n_regions * sizeof(void *));
	free(f->regions);
	f->regions = regions;
	f->n_regions = n;
	return 0;
}

/* Makes the block of this frame the last one used. */
static int block_find(struct frames *f, uint64_t number)
{
	size_t r = number >> REGION_SHIFT, b = (number >> BLOCK_SHIFT) % REGION_BLOCKS;

	if (number >= FRAME_LIMIT)
		return -ERANGE;
	if (r >= f->n_regions && regions_grow(f, r + 1) < 0)
		return -ENOMEM;
	if (!f->regions[r])
		f->regions[r] = table_make(f);
	if (!f->regions[r])
		return -ENOMEM;
	struct frame_entry **block = &f->regions[r]->blocks[b];
	if (!*block)
		*block = table_make(f);
	if (!*block)
		return -ENOMEM;
	f->last_block = number >> BLOCK_SHIFT;
	f->last_entries = *block;
	return 0;
}

/* The hot loop of a census: once for each page of each process. */
static int add(struct frames *f, uint32_t owner, bool again, const uint64_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = 0;
		if (numbers[i] >> BLOCK_SHIFT != f->last_block)
			r = block_find(f, numbers[i]);
		if (r < 0)
			return r;
		struct frame_entry *entry = &f->last_entries[numbers[i] % BLOCK_FRAMES];
		r = set_with(f, entry->set, owner, &entry->set);
		if (r < 0)
			return r;
		entry->mappings += !again;
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
			FRAMES_SETS_MAX);
	return r < 0 ? err_set(e, -r, "add %zu page frames to the table", n) : 0;
}

static void tally(struct frames *f, const struct frame_entry *entry, const struct frame_fact *fact)
{
	if (!entry->mappings || fact->kind >= FRAME_KINDS)
		return;
	bool known = fact->mappings != FRAMES_UNKNOWN;
	bool outside = known && fact->mappings > entry->mappings;
	/* Shared page tables of hugetlb are one mapping to the kernel, and several to us. */
	if (known && fact->mappings < entry->mappings && fact->kind != FRAME_HUGETLB)
		f->n_moved++;
	uint8_t kind = fact->kind;
	if (kind == FRAME_ANON && (outside || entry->mappings > 1))
		kind = FRAME_FORKED;
	f->sums[entry->set].own[kind][outside]++;
	f->sums[entry->set].large += fact->large;
}

/* From `at` on: the first frame that is in use, and the end of the run that begins there. */
static bool run_find(
	const struct frame_entry *entries, size_t at, size_t *ret_first, size_t *ret_end)
{
	while (at < BLOCK_FRAMES && !entries[at].mappings)
		at++;
	if (at == BLOCK_FRAMES)
		return false;
	size_t end = at + 1;
	for (size_t i = end; i < BLOCK_FRAMES && i <= end + RUN_GAP; i++)
		if (entries[i].mappings)
			end = i + 1;
	*ret_first = at;
	*ret_end = end;
	return true;
}

static int settle_block(struct frames *f, uint64_t base, const struct frame_entry *entries,
	frames_look *look, void *context, struct err *e)
{
	struct frame_fact facts[FRAMES_LOOK_MAX];
	size_t first, end = 0;

	while (run_find(entries, end, &first, &end)) {
		int r = look(context, base + first, end - first, facts, e);
		if (r < 0)
			return r;
		for (size_t i = first; i < end; i++)
			tally(f, &entries[i], &facts[i - first]);
	}
	return 0;
}

/* What the host maps is outside; sets with it are leaves, since it is the last owner. */
static void fold_host(struct frames *f, uint32_t host)
{
	for (size_t s = 1; s < f->n_sets; s++) {
		struct set_sum *from = &f->sums[s], *to = &f->sums[f->sets[s].parent];
		if (f->sets[s].owner != host)
			continue;
		for (size_t kind = 0; kind < FRAME_KINDS; kind++)
			to->own[kind][1] += from->own[kind][0] + from->own[kind][1];
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

int frames_settle(struct frames *f, uint32_t host, frames_look *look, void *context, struct err *e)
{
	if (!f->n_sets)
		return 0;
	f->sums = calloc(f->n_sets, sizeof(*f->sums));
	if (!f->sums)
		return err_set(e, ENOMEM, "add up %zu sets of page frames", f->n_sets);
	for (size_t r = 0; r < f->n_regions; r++) {
		for (size_t b = 0; f->regions[r] && b < REGION_BLOCKS; b++) {
			if (!f->regions[r]->blocks[b])
				continue;
			uint64_t base = (uint64_t)r << REGION_SHIFT | b << BLOCK_SHIFT;
			int failed =
				settle_block(f, base, f->regions[r]->blocks[b], look, context, e);
			if (failed < 0)
				return failed;
		}
	}
	if (host != NO_OWNER)
		fold_host(f, host);
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
		uint64_t n = 0;
		for (size_t i = 0; i < 2 * (size_t)FRAME_KINDS; i++)
			n += f->sums[s].total[i / 2][i % 2];
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
	uint64_t n = 0;

	for (size_t i = 0; f->sums && i < 2 * (size_t)FRAME_KINDS; i++)
		n += f->sums[EMPTY_SET].total[i / 2][i % 2];
	return n;
}
