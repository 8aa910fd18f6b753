/*
 * A cell for each page frame, by its number, where some are in use: 4 KiB of table for each 2 MiB
 * of memory. Pure, nothing here knows /proc. Slots of swap have numbers as well.
 */
#ifndef CGROUP_FRAME_TABLE_H
#define CGROUP_FRAME_TABLE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/own.h"

/* A number is region (1 GiB), block (2 MiB), cell (4 KiB): 52 physical bits at most. */
#define FRAME_BLOCK_SHIFT 9
#define FRAME_BLOCK_CELLS (1U << FRAME_BLOCK_SHIFT)
#define FRAME_LIMIT (1ULL << 40)

/* What these mean is the user's. Zeros at first. */
struct frame_cell {
	uint32_t mark, n;
};

struct frame_region;
struct frame_chunk;

struct frame_table {
	struct frame_region **regions; /* of 1 GiB each, NULL where nothing is in use */
	size_t n_regions;
	struct frame_chunk *chunks; /* what the tables are cut from */
	uint64_t last_block;
	struct frame_cell *last_cells;
};

void frame_table_init(struct frame_table *t);
void frame_table_done(struct frame_table *t);
DEFINE_AUTO(frame_table, frame_table_done)

/* Makes the block of this number the last one: 0, -ERANGE above FRAME_LIMIT, or -ENOMEM. */
int frame_table_find(struct frame_table *t, uint64_t number);

/* The cell of this number, made where there is none. */
static inline int frame_table_at(struct frame_table *t, uint64_t number, struct frame_cell **ret)
{
	if (number >> FRAME_BLOCK_SHIFT != t->last_block) {
		int r = frame_table_find(t, number);
		if (r < 0)
			return r;
	}
	*ret = &t->last_cells[number % FRAME_BLOCK_CELLS];
	return 0;
}

/* The cell of this number; NULL where there is none. */
const struct frame_cell *frame_table_look(const struct frame_table *t, uint64_t number);

/*
 * The first block at *number or above that is in use: its FRAME_BLOCK_CELLS cells, and the number
 * of the first of them. NULL: there is none.
 */
struct frame_cell *frame_table_next(const struct frame_table *t, uint64_t *number);

#endif
