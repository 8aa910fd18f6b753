/*
 * Listings: rows of cells under a header, two spaces between the columns, nothing behind the last.
 *
 *	static const struct table_column columns[] = {
 *		{ "NAME", TABLE_LEFT }, { "PIDS", TABLE_RIGHT }, { 0 }
 *	};
 *	automatic(table) struct table t = { .columns = columns };
 *	table_add(&t, name);
 *	table_addf(&t, "%u", pids);
 *	r = table_print(&t, stdout, 0, &e);
 *
 * Cells are added row by row, from left to right. Failure to add is remembered, and told by
 * table_print(). Names from anywhere may be cells: control characters are shown as '?', so that
 * none can begin a line or move the cursor.
 */
#ifndef CMD_TABLE_H
#define CMD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "spec/base/err.h"
#include "spec/base/opt.h"
#include "spec/base/own.h"

enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct table_column {
	const char *name; /* NULL ends the list */
	enum table_align align;
	unsigned max_width; /* where lines have a width: cut to this many characters; 0: never */
};

struct table {
	const struct table_column *columns; /* borrowed */
	bool bold;			    /* the header, for terminals; not under NO_COLOR */
	char **cells;
	size_t n_cells, room;
	bool failed;
};

/* The next cell; NULL and "" show as "-". */
void table_add(struct table *t, const char *cell);
void table_addf(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Bytes as people read them; "-" when unset. `prefix` stands before the number ("~"). */
void table_add_bytes(struct table *t, struct opt_u64 bytes, const char *prefix);

/*
 * Prints the header and all rows. `terminal`: cells are cut to their column's max_width, with an
 * ellipsis. -ENOMEM when a cell is missing for want of memory, -EINVAL for an unfinished row,
 * -EIO and the like when it cannot be written.
 */
int table_print(const struct table *t, FILE *to, bool terminal, struct err *e);
void table_done(struct table *t);
DEFINE_AUTO(table, table_done)

#endif
