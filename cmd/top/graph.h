/* Bars and lines of a few characters, as text: of blocks, or of ASCII where there are none. */
#ifndef CMD_TOP_GRAPH_H
#define CMD_TOP_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/top/canvas.h"

/* The parts of a bar, from left to right. */
struct bar_part {
	uint64_t value;
	unsigned look;
	char ascii;	   /* where there are no blocks */
	const char *block; /* one column wide */
};

extern const struct bar_part bar_private, bar_shared; /* without a value */

/*
 * All parts side by side in `width` columns, which stand for `full`; what is left of them is faint.
 * A part that is not 0 is never invisible while there is room.
 */
void bar_put(struct canvas *c, int row, int column, int width, uint64_t full,
	const struct bar_part *parts, size_t n_parts);

/*
 * Samples as one line, the last at the right end; from `low` at the bottom to `high` at the top.
 * Fewer samples than columns leave the left free.
 */
void spark_put(struct canvas *c, int row, int column, int width, unsigned look,
	const uint64_t *samples, size_t n, uint64_t low, uint64_t high);

#endif
