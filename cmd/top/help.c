/* The help: from the tables of keys and columns. */
#include "cmd/top/view.h"

#include <string.h>

#include "cmd/top/columns.h"

#define KEY_WIDTH 10

/* The keys in so many columns, then what the words in the list mean; line by line, from `first` on. */
static int n_told(void)
{
	int n = 0;

	for (size_t i = 0; i < n_key_rows; i++)
		n += key_rows[i].help != NULL;
	return n;
}

static const struct key_row *told(int number)
{
	for (size_t i = 0; i < n_key_rows; i++)
		if (key_rows[i].help && number-- == 0)
			return &key_rows[i];
	return NULL;
}

static void draw_key(struct canvas *c, int row, int column, int width, const struct key_row *key)
{
	canvas_put(c, row, column, KEY_WIDTH < width ? KEY_WIDTH : width, LOOK_BOLD, key->shown);
	canvas_put(c, row, column + KEY_WIDTH, width - KEY_WIDTH, LOOK_PLAIN, key->help);
}

static void draw_column(struct canvas *c, int row, const struct column *column)
{
	const char key[2] = { column->key, '\0' };

	canvas_put(c, row, 1, KEY_WIDTH - 1, LOOK_BOLD, column->name);
	canvas_put(c, row, 1 + KEY_WIDTH, 2, LOOK_BOLD, key);
	canvas_put(c, row, 1 + KEY_WIDTH + 3, c->n_columns - KEY_WIDTH - 5, LOOK_PLAIN,
		column->meaning);
}

static void draw_line(struct canvas *c, int row, int line, int across)
{
	int per = (n_told() + across - 1) / across, width = (c->n_columns - 2) / across;

	if (line < per) {
		for (int i = 0; i < across; i++) {
			const struct key_row *key = told(line + i * per);
			if (key)
				draw_key(c, row, 1 + i * width, width - 1, key);
		}
	} else if (line == per) {
		canvas_put(c, row, 1, c->n_columns - 2, LOOK_DIM,
			"Columns, and the letter that puts the list in their order:");
	} else if (line - per - 1 < N_COLUMNS) {
		draw_column(c, row, &columns[line - per - 1]);
	}
}

void view_help(struct view *v, const struct model *m, struct canvas *c, int top, int end)
{
	int across = c->n_columns >= 76 ? 2 : 1;
	int per = (n_told() + across - 1) / across;
	size_t n_lines = (size_t)per + 1 + N_COLUMNS;

	(void)m;
	v->n_shown = end > top ? (size_t)(end - top) : 0;
	if (v->first + v->n_shown > n_lines)
		v->first = n_lines > v->n_shown ? n_lines - v->n_shown : 0;
	for (int row = top; row < end; row++)
		draw_line(c, row, row - top + (int)v->first, across);
}
