/* What keys do, as a table: read here, and told by the help and by the last line of each page. */
#ifndef CMD_TOP_KEYS_H
#define CMD_TOP_KEYS_H

#include <stddef.h>

/* Keys that are no character; a character is itself. */
enum key {
	KEY_OF_NONE = -1,
	KEY_OF_UP = 0x200000, /* behind all of Unicode */
	KEY_OF_DOWN,
	KEY_OF_LEFT,
	KEY_OF_RIGHT,
	KEY_OF_PAGE_UP,
	KEY_OF_PAGE_DOWN,
	KEY_OF_HOME,
	KEY_OF_END,
	KEY_OF_ENTER,
	KEY_OF_BACKSPACE,
	KEY_OF_ESCAPE,
	KEY_OF_RESIZE, /* the screen has another size */
};

enum page {
	PAGE_LIST = 1,
	PAGE_DETAIL = 2,
	PAGE_HELP = 4,
	PAGE_ANY = 7,
};

enum action {
	ACTION_NONE,
	ACTION_UP,
	ACTION_DOWN,
	ACTION_PAGE_UP,
	ACTION_PAGE_DOWN,
	ACTION_FIRST,
	ACTION_LAST,
	ACTION_LOOK,
	ACTION_BACK,
	ACTION_FILTER,
	ACTION_SORT_LEFT,
	ACTION_SORT_RIGHT,
	ACTION_REVERSE,
	ACTION_PAUSE,
	ACTION_FASTER,
	ACTION_SLOWER,
	ACTION_NOW,
	ACTION_EXACT,
	ACTION_HELP,
	ACTION_QUIT,
	N_ACTIONS,
};

struct key_row {
	int keys[4];	/* 0: no more */
	unsigned pages; /* where it does this */
	enum action action;
	const char *shown, *help; /* "Enter", "look into the chosen one"; NULL: not told */
	const char *brief;	  /* for the last line; NULL: not there */
};

extern const struct key_row key_rows[];
extern const size_t n_key_rows;

enum action key_action(int key, enum page page);

#endif
