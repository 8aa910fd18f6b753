/*
 * What `cow top` shows, apart from how: the last reading, the order of its rows, what of them is
 * shown, and which one is chosen. Pure: nothing here knows a terminal or /proc.
 *
 * The choice follows its container through every order and reading; when that one has gone, it
 * stays on the same line.
 */
#ifndef CMD_TOP_MODEL_H
#define CMD_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "cgroup/census.h"
#include "cmd/top/columns.h"
#include "cmd/top/history.h"

#define MODEL_FILTER_MAX 64

struct model {
	struct census census;
	bool has_census;
	struct histories histories;
	enum column_id sorted;
	bool reversed;
	char filter[MODEL_FILTER_MAX]; /* part of a name, whatever the case */
	size_t *rows;		       /* of census.usages, as they are shown */
	size_t n_rows;
	size_t at;    /* the chosen one of these */
	char *chosen; /* its id; NULL: nothing is shown */
};

/* Takes the census. -ENOMEM: as before, and the census is still the caller's. */
int model_feed(struct model *m, struct census *census);
void model_done(struct model *m);
DEFINE_AUTO(model, model_done)

/* By this column; by the one that it is sorted by already: the other way around. */
void model_sort(struct model *m, enum column_id column);
void model_reverse(struct model *m);
void model_filter(struct model *m, const char *text);

/* So many rows down, or up; it ends at the ends. */
void model_move(struct model *m, long by);

/* The chosen one; NULL: none. */
const struct memory_usage *model_chosen(const struct model *m);

/* Which row of all stands first where `n_shown` are to be seen, and the chosen one among them. */
size_t model_first(size_t at, size_t n_rows, size_t n_shown, size_t first_before);

/* With whom a thing shares, most first; the host is one of them ("host"). The caller frees. */
struct partner {
	const char *name; /* of the census */
	uint64_t bytes;
};
int model_partners(const struct census *c, size_t usage, struct partner **ret, size_t *ret_n);

#endif
