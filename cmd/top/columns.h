/* The columns of the list, as a table: what each shows, how it sorts, and which fit beside each other. */
#ifndef CMD_TOP_COLUMNS_H
#define CMD_TOP_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "cgroup/census.h"
#include "cmd/top/history.h"

enum column_id {
	COLUMN_NAME,
	COLUMN_PROCESSES,
	COLUMN_UNIQUE,
	COLUMN_PRIVATE,
	COLUMN_SHARED,
	COLUMN_KERNEL,
	COLUMN_COST,
	COLUMN_CHARGED,
	COLUMN_LIMIT,
	COLUMN_SWAP,
	COLUMN_BAR,
	COLUMN_TREND,
	COLUMN_WITH,
	N_COLUMNS,
};

struct column {
	const char *name,
		*word; /* "PRIVATE"; "private", as --sort has it: NULL, it does not sort */
	char key;      /* of the keyboard, which sorts by it; 0: none */
	int width;     /* at least */
	int most;      /* ... and at most, where there is room; 0: no more than at least */
	int rank;      /* the lower, the later is it left out */
	struct opt_u64 (*figure)(const struct memory_usage *u); /* NULL: no number */
	const char *meaning;
};

extern const struct column columns[N_COLUMNS];

/* "cost" or "COST"; -1: none of that name, or it does not sort. */
int column_find(const char *word);
int column_of_key(int key); /* -1: none */

/* The words that column_find() takes, "name, processes, ...", into `out`. */
const char *column_words(char out[160]);

/* Where a shown column stands. */
struct column_place {
	enum column_id id;
	int at, width;
};

/*
 * Which columns are shown in `width`, from left to right; their number. That of the order is always
 * among them; a figure that nothing in the census has, or only 0 of it, is not.
 */
size_t columns_place(const struct census *c, enum column_id sorted, int width,
	struct column_place places[N_COLUMNS]);

/* Below 0: `a` comes first. What is not known comes last, in either direction. */
int column_compare(enum column_id id, bool reversed, const struct memory_usage *a,
	const struct memory_usage *b);

#endif
