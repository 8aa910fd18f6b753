/*
 * A screen as a grid of cells, which knows nothing of terminals: what is drawn can be tested.
 *
 * Nothing is ever written outside of it, and a text keeps within the columns that it is given: it is
 * cut by the width of its characters, with an ellipsis, and made harmless (control characters,
 * directions of writing and bytes that are no text become '?'). A cell is written once: `n_overlaps`
 * counts what was written a second time, which is a fault in the layout.
 *
 * Characters are those of the locale (LC_CTYPE): in one without them, all beyond ASCII is '?'.
 */
#ifndef CMD_TOP_CANVAS_H
#define CMD_TOP_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#include "spec/base/own.h"

#define CANVAS_MARKS 2 /* combining characters that one cell keeps; more are left out */
#define CANVAS_ROWS_MAX 500
#define CANVAS_COLUMNS_MAX 1000

/* How a cell looks; a terminal without colours shows only what is said by the first four. */
enum canvas_look {
	LOOK_PLAIN = 0,
	LOOK_BOLD = 1,
	LOOK_DIM = 2,
	LOOK_REVERSE = 4,
	LOOK_GOOD = 8,
	LOOK_WARNING = 16,
	LOOK_PRIVATE = 32,
	LOOK_SHARED = 64,
};

struct canvas_cell {
	wchar_t text[CANVAS_MARKS + 2]; /* "": the right half of a wide character */
	uint8_t look;
	bool written;
};

struct canvas {
	struct canvas_cell *cells;
	int n_rows, n_columns;
	size_t n_overlaps;
};

/* Empty, of that size, within the limits above; -ENOMEM. */
int canvas_resize(struct canvas *c, int n_rows, int n_columns);
void canvas_clear(struct canvas *c);
void canvas_done(struct canvas *c);
DEFINE_AUTO(canvas, canvas_done)

const struct canvas_cell *canvas_at(const struct canvas *c, int row, int column);

/* All of a row is written once again, and looks so: the ground of a bar or of a chosen row. */
void canvas_shade(struct canvas *c, int row, unsigned look);

/*
 * Text from `column` on, in at most `width` columns; how many it took. _right: it ends where these
 * end.
 */
int canvas_put(struct canvas *c, int row, int column, int width, unsigned look, const char *text);
int canvas_putf(struct canvas *c, int row, int column, int width, unsigned look, const char *format,
	...) __attribute__((format(printf, 6, 7)));
int canvas_put_right(
	struct canvas *c, int row, int column, int width, unsigned look, const char *text);

/* How many columns a text takes, as it is put. */
int canvas_width(const char *text);

/* Whether the locale has block elements and the like; else graphs are of ASCII. */
bool canvas_has_blocks(void);

#endif
