/* Cells by frame number: regions of blocks of cells. */
#include "cgroup/frame_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define REGION_SHIFT 18
#define REGION_BLOCKS (1U << (REGION_SHIFT - FRAME_BLOCK_SHIFT))

#define TABLE 4096 /* bytes of a region, and of a block */

struct frame_region {
	struct frame_cell *blocks[REGION_BLOCKS];
};

_Static_assert(sizeof(struct frame_region) == TABLE, "a region is a table");
_Static_assert(sizeof(struct frame_cell) * FRAME_BLOCK_CELLS == TABLE, "a block is a table");

/* Tables come from chunks of 2 MiB, which one fault can fill where large pages are to be had. */
#define CHUNK ((size_t)2 << 20)

struct frame_chunk {
	struct frame_chunk *next;
	size_t used;
	void *mapping; /* what the kernel gave: twice as much address space, for the alignment */
};

void frame_table_init(struct frame_table *t)
{
	*t = (struct frame_table){ .last_block = UINT64_MAX };
}

void frame_table_done(struct frame_table *t)
{
	for (struct frame_chunk *chunk = t->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		munmap(chunk->mapping, 2 * CHUNK);
	}
	free(t->regions);
	frame_table_init(t);
}

static int chunks_grow(struct frame_table *t)
{
	char *mapping = mmap(NULL, 2 * CHUNK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mapping == MAP_FAILED)
		return -ENOMEM;
	struct frame_chunk *chunk =
		(struct frame_chunk *)(((uintptr_t)mapping + CHUNK - 1) & ~(CHUNK - 1));
	madvise(chunk, CHUNK, MADV_HUGEPAGE); /* only a wish */
	*chunk = (struct frame_chunk){ t->chunks, TABLE, mapping };
	t->chunks = chunk;
	return 0;
}

/* TABLE bytes of zeros, freed with the rest; NULL when out of memory. */
static void *table_make(struct frame_table *t)
{
	if ((!t->chunks || t->chunks->used == CHUNK) && chunks_grow(t) < 0)
		return NULL;
	void *table = (char *)t->chunks + t->chunks->used;
	t->chunks->used += TABLE;
	return table;
}

static int regions_grow(struct frame_table *t, size_t need)
{
	/* By calloc and copy: of a large new array only what is used becomes resident. */
	size_t n = t->n_regions * 2 > need ? t->n_regions * 2 : need;
	struct frame_region **regions = calloc(n, sizeof(void *));

	if (!regions)
		return -ENOMEM;
	if (t->n_regions)
		memcpy(regions, t->regions, t->n_regions * sizeof(void *));
	free(t->regions);
	t->regions = regions;
	t->n_regions = n;
	return 0;
}

static size_t region_of(uint64_t number)
{
	return number >> REGION_SHIFT;
}

static size_t block_of(uint64_t number)
{
	return (number >> FRAME_BLOCK_SHIFT) % REGION_BLOCKS;
}

int frame_table_find(struct frame_table *t, uint64_t number)
{
	size_t r = region_of(number), b = block_of(number);

	if (number >= FRAME_LIMIT)
		return -ERANGE;
	if (r >= t->n_regions && regions_grow(t, r + 1) < 0)
		return -ENOMEM;
	if (!t->regions[r])
		t->regions[r] = table_make(t);
	if (!t->regions[r])
		return -ENOMEM;
	struct frame_cell **block = &t->regions[r]->blocks[b];
	if (!*block)
		*block = table_make(t);
	if (!*block)
		return -ENOMEM;
	t->last_block = number >> FRAME_BLOCK_SHIFT;
	t->last_cells = *block;
	return 0;
}

const struct frame_cell *frame_table_look(const struct frame_table *t, uint64_t number)
{
	size_t r = region_of(number);

	if (r >= t->n_regions || !t->regions[r] || !t->regions[r]->blocks[block_of(number)])
		return NULL;
	return &t->regions[r]->blocks[block_of(number)][number % FRAME_BLOCK_CELLS];
}

struct frame_cell *frame_table_next(const struct frame_table *t, uint64_t *number)
{
	size_t b = block_of(*number);

	for (size_t r = region_of(*number); r < t->n_regions; r++, b = 0) {
		for (; t->regions[r] && b < REGION_BLOCKS; b++) {
			if (!t->regions[r]->blocks[b])
				continue;
			*number = (uint64_t)r << REGION_SHIFT | b << FRAME_BLOCK_SHIFT;
			return t->regions[r]->blocks[b];
		}
	}
	return NULL;
}
