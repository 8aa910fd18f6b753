/* A grid of cells. */
#include "cmd/top/canvas.h"

#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "spec/base/shown.h"

#define ELLIPSIS L'\u2026'

void canvas_clear(struct canvas *c)
{
	for (size_t i = 0; i < (size_t)c->n_rows * (size_t)c->n_columns; i++)
		c->cells[i] = (struct canvas_cell){ .text = L" " };
	c->n_overlaps = 0;
}

static int between(int value, int least, int most)
{
	return value < least ? least : value > most ? most : value;
}

int canvas_resize(struct canvas *c, int n_rows, int n_columns)
{
	int rows = between(n_rows, 1, CANVAS_ROWS_MAX),
	    columns = between(n_columns, 1, CANVAS_COLUMNS_MAX);
	struct canvas_cell *cells = calloc((size_t)rows * (size_t)columns, sizeof(*cells));

	if (!cells)
		return -ENOMEM;
	free(c->cells);
	*c = (struct canvas){ .cells = cells, .n_rows = rows, .n_columns = columns };
	canvas_clear(c);
	return 0;
}

void canvas_done(struct canvas *c)
{
	free(c->cells);
	*c = (struct canvas){ 0 };
}

static struct canvas_cell *cell_at(struct canvas *c, int row, int column)
{
	if (row < 0 || row >= c->n_rows || column < 0 || column >= c->n_columns)
		return NULL;
	return &c->cells[(size_t)row * (size_t)c->n_columns + (size_t)column];
}

const struct canvas_cell *canvas_at(const struct canvas *c, int row, int column)
{
	return cell_at((struct canvas *)c, row, column);
}

bool canvas_has_blocks(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/*
 * The next character of a text, harmless, and how many columns it takes; behind the last, L'\0'.
 * `*text` moves on.
 */
static wchar_t next_character(const char **text, int *ret_width)
{
	mbstate_t state = { 0 };
	wchar_t c = 0;

	*ret_width = 1;
	size_t n = mbrtowc(&c, *text, MB_LEN_MAX, &state);
	if (n == 0)
		return L'\0';
	if (n > MB_LEN_MAX) {
		++*text;
		return L'?';
	}
	*text += n;
	int width = wcwidth(c);
	if (width < 0 || !iswprint((wint_t)c) || !shown_is_harmless((uint32_t)c))
		return L'?';
	*ret_width = width;
	return c;
}

int canvas_width(const char *text)
{
	int all = 0, width;

	while (next_character(&text, &width))
		all += width;
	return all;
}

/* A mark goes to the character before it; one of no character is nothing. */
static void add_mark(struct canvas *c, int row, int column, wchar_t mark)
{
	struct canvas_cell *cell = cell_at(c, row, column);

	for (size_t i = 0; cell && cell->text[0] && i <= CANVAS_MARKS; i++) {
		if (cell->text[i] || i == 0)
			continue;
		cell->text[i] = mark;
		cell->text[i + 1] = L'\0';
		return;
	}
}

static void write_cell(struct canvas *c, int row, int column, unsigned look, wchar_t text)
{
	struct canvas_cell *cell = cell_at(c, row, column);

	if (!cell)
		return;
	c->n_overlaps += cell->written;
	*cell = (struct canvas_cell){
		.text = { text }, .look = (uint8_t)(cell->look | look), .written = true
	};
}

int canvas_put(struct canvas *c, int row, int column, int width, unsigned look, const char *text)
{
	int room = column < 0 || row < 0 || row >= c->n_rows ? 0 : c->n_columns - column;
	int at = 0, last = 0, each;
	wchar_t character;

	width = width < room ? width : room;
	if (width <= 0)
		return 0;
	bool cut = canvas_width(text) > width;
	while ((character = next_character(&text, &each)) != L'\0') {
		if (each == 0) {
			add_mark(c, row, column + last, character);
			continue;
		}
		if (at + each > width - cut)
			break;
		write_cell(c, row, column + at, look, character);
		if (each == 2)
			write_cell(c, row, column + at + 1, look, L'\0');
		last = at;
		at += each;
	}
	if (cut)
		write_cell(c, row, column + at++, look, canvas_has_blocks() ? ELLIPSIS : L'.');
	return at;
}

int canvas_putf(
	struct canvas *c, int row, int column, int width, unsigned look, const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	int n = text ? canvas_put(c, row, column, width, look, text) : 0;
	free(text);
	return n;
}

int canvas_put_right(
	struct canvas *c, int row, int column, int width, unsigned look, const char *text)
{
	int room = width - canvas_width(text);

	return canvas_put(c, row, column + (room > 0 ? room : 0), width, look, text);
}

void canvas_shade(struct canvas *c, int row, unsigned look)
{
	for (int column = 0; column < c->n_columns; column++) {
		struct canvas_cell *cell = cell_at(c, row, column);
		if (cell)
			cell->look |= (uint8_t)look;
	}
}
