/* What keys do. */
#include "cmd/top/keys.h"

const struct key_row key_rows[] = {
	{ { KEY_OF_UP, 'k' }, PAGE_ANY, ACTION_UP, "Up Down", "choose, or move on", NULL },
	{ { KEY_OF_DOWN, 'j' }, PAGE_ANY, ACTION_DOWN, NULL, NULL, NULL },
	{ { KEY_OF_PAGE_UP }, PAGE_ANY, ACTION_PAGE_UP, "PgUp PgDn", "the same by pages", NULL },
	{ { KEY_OF_PAGE_DOWN }, PAGE_ANY, ACTION_PAGE_DOWN, NULL, NULL, NULL },
	{ { KEY_OF_HOME, 'g' }, PAGE_ANY, ACTION_FIRST, "Home End", "to the first, the last",
		NULL },
	{ { KEY_OF_END, 'G' }, PAGE_ANY, ACTION_LAST, NULL, NULL, NULL },
	{ { KEY_OF_ENTER, KEY_OF_RIGHT }, PAGE_LIST, ACTION_LOOK, "Enter",
		"look into the chosen one", "look into" },
	{ { KEY_OF_ESCAPE, KEY_OF_LEFT, KEY_OF_BACKSPACE, KEY_OF_ENTER }, PAGE_DETAIL | PAGE_HELP,
		ACTION_BACK, "Esc", "back to the list", "back" },
	{ { '/' }, PAGE_LIST, ACTION_FILTER, "/", "filter by name", "filter" },
	{ { '<', ',' }, PAGE_LIST, ACTION_SORT_LEFT, "< >", "order by the next column", "order" },
	{ { '>', '.' }, PAGE_LIST, ACTION_SORT_RIGHT, NULL, NULL, NULL },
	{ { 'r' }, PAGE_LIST, ACTION_REVERSE, "r", "turn the order around", NULL },
	{ { ' ', 'p' }, PAGE_ANY, ACTION_PAUSE, "Space", "pause, go on", "pause" },
	{ { '+', '=' }, PAGE_ANY, ACTION_SLOWER, "+ -", "read less often, oftener", NULL },
	{ { '-' }, PAGE_ANY, ACTION_FASTER, NULL, NULL, NULL },
	{ { 'u' }, PAGE_ANY, ACTION_NOW, "u", "read now", NULL },
	{ { 'x' }, PAGE_ANY, ACTION_EXACT, "x", "one exact, frozen reading", "exact" },
	{ { '?', 'h' }, PAGE_LIST | PAGE_DETAIL, ACTION_HELP, "?", "this help", "help" },
	{ { '?', 'h' }, PAGE_HELP, ACTION_BACK, NULL, NULL, NULL },
	{ { 'q', 3 }, PAGE_ANY, ACTION_QUIT, "q", "quit", "quit" },
};

const size_t n_key_rows = sizeof(key_rows) / sizeof(key_rows[0]);

enum action key_action(int key, enum page page)
{
	for (size_t i = 0; i < n_key_rows; i++) {
		const struct key_row *row = &key_rows[i];
		for (size_t k = 0; k < sizeof(row->keys) / sizeof(row->keys[0]); k++)
			if (row->keys[k] == key && key && (row->pages & page))
				return row->action;
	}
	return ACTION_NONE;
}
