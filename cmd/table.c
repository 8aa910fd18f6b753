/*
 * Listings: columns as wide as their widest cell.
 *
 * Cells are kept as they came and made harmless when they are printed, so widths are of what is
 * shown: what is not harmless (shown.h) and the '?' in its place are both one wide.
 */
#include "cmd/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/shown.h"
#include "spec/base/str.h"

#define ELLIPSIS "..."

static size_t count_columns(const struct table *t)
{
	size_t n = 0;

	while (t->columns[n].name)
		n++;
	return n;
}

/* Characters, not bytes. */
static size_t width_of(const char *text)
{
	size_t n = 0;
	bool harmless;

	for (; *text; n++)
		text += shown_next(text, &harmless);
	return n;
}

/*
 * What is not harmless could rewrite the screen. A matrix of a thousand has a million cells: what is
 * goes out in one piece.
 */
static void put(const char *text, size_t n, FILE *to)
{
	size_t from = 0, bytes;

	for (size_t i = 0; i < n; i += bytes) {
		bool harmless;
		bytes = shown_next(text + i, &harmless);
		if (harmless)
			continue;
		fwrite(text + from, 1, i - from, to);
		fputc('?', to);
		from = i + bytes;
	}
	fwrite(text + from, 1, n - from, to);
}

static void put_spaces(size_t n, FILE *to)
{
	static const char spaces[] = "                                                ";
	const size_t most = sizeof(spaces) - 1;

	for (; n > most; n -= most)
		fwrite(spaces, 1, most, to);
	fwrite(spaces, 1, n, to);
}

/* Takes the cell. */
static void keep(struct table *t, char *cell)
{
	if (cell && t->n_cells == t->room) {
		size_t room = t->room ? t->room * 2 : 64;
		char **cells = realloc(t->cells, room * sizeof(*cells));
		if (cells) {
			t->cells = cells;
			t->room = room;
		}
	}
	if (!cell || t->n_cells == t->room) {
		free(cell);
		t->failed = true;
		return;
	}
	t->cells[t->n_cells++] = cell;
}

void table_add(struct table *t, const char *cell)
{
	keep(t, strdup(cell && *cell ? cell : "-"));
}

void table_addf(struct table *t, const char *format, ...)
{
	va_list args;
	char *cell = NULL;

	va_start(args, format);
	if (vasprintf(&cell, format, args) < 0)
		cell = NULL;
	va_end(args);
	keep(t, cell);
}

void table_add_bytes(struct table *t, struct opt_u64 bytes, const char *prefix)
{
	char text[16];

	if (!bytes.set) {
		table_add(t, NULL);
		return;
	}
	str_human(bytes.value, text);
	if (*prefix)
		table_addf(t, "%s%s", prefix, text);
	else
		table_add(t, text);
}

static bool is_cut(const struct table_column *column, const char *cell, bool terminal)
{
	return terminal && column->max_width > strlen(ELLIPSIS) &&
	       width_of(cell) > column->max_width;
}

static size_t shown_width(const struct table_column *column, const char *cell, bool terminal)
{
	return is_cut(column, cell, terminal) ? column->max_width : width_of(cell);
}

/* The first bytes of it that are `width` characters. */
static size_t bytes_of(const char *text, size_t width)
{
	size_t n = 0;
	bool harmless;

	for (; text[n] && width; width--)
		n += shown_next(text + n, &harmless);
	return n;
}

/* `last`: no padding, since nothing stands behind it. */
static void print_cell(const struct table_column *column, const char *cell, size_t width, bool last,
	bool terminal, FILE *to)
{
	size_t shown = shown_width(column, cell, terminal);
	size_t pad = width - shown;

	if (column->align == TABLE_RIGHT)
		put_spaces(pad, to);
	bool cut = is_cut(column, cell, terminal);
	put(cell, cut ? bytes_of(cell, shown - strlen(ELLIPSIS)) : strlen(cell), to);
	if (cut)
		fputs(ELLIPSIS, to);
	if (!last)
		put_spaces(2 + (column->align == TABLE_LEFT ? pad : 0), to);
}

/* no-color.org; and a terminal that knows no attributes. */
static bool wants_attributes(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0;
}

static void print_rows(
	const struct table *t, const size_t *widths, size_t n_columns, bool terminal, FILE *to)
{
	bool bold = t->bold && wants_attributes();

	if (bold)
		fputs("\033[1m", to);
	for (size_t c = 0; c < n_columns; c++)
		print_cell(&t->columns[c], t->columns[c].name, widths[c], c + 1 == n_columns, false,
			to);
	fputs(bold ? "\033[0m\n" : "\n", to);
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t c = i % n_columns;
		bool last = c + 1 == n_columns;
		print_cell(&t->columns[c], t->cells[i], widths[c], last, terminal, to);
		if (last)
			fputc('\n', to);
	}
}

int table_print(const struct table *t, FILE *to, bool terminal, struct err *e)
{
	size_t n_columns = count_columns(t);

	if (t->failed)
		return err_set(e, ENOMEM, "print a table");
	if (!n_columns || t->n_cells % n_columns)
		return err_say(e, EINVAL, "print a table: %zu cells in rows of %zu", t->n_cells,
			n_columns);
	autofree size_t *widths = calloc(n_columns, sizeof(*widths));
	if (!widths)
		return err_set(e, ENOMEM, "print a table");
	for (size_t c = 0; c < n_columns; c++)
		widths[c] = width_of(t->columns[c].name);
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t c = i % n_columns;
		size_t width = shown_width(&t->columns[c], t->cells[i], terminal);
		widths[c] = width > widths[c] ? width : widths[c];
	}
	print_rows(t, widths, n_columns, terminal, to);
	return ferror(to) ? err_set(e, EIO, "print a table") : 0;
}

void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){ 0 };
}
