/* Inside of breaks.c and breaks_page.c: one look at processes, and one process's turn in it. */
#ifndef CGROUP_BREAKS_LOOK_H
#define CGROUP_BREAKS_LOOK_H

#include "cgroup/breaks.h"
#include "cgroup/sight.h"

/* A page that the next look has to know of: inherited, broken, or left by its origin. */
struct kept_page {
	uint64_t page, frame;
	enum page_fate fate;
};

struct seen_process {
	pid_t pid;
	uint64_t start;
	struct kept_page *pages; /* by address */
	size_t n, room;
};

/* Of a table that is looked up by names. */
struct row {
	struct breaks_mapping mapping; /* the first, for by_name() */
	uint32_t number;
};

/* One look. */
struct look {
	struct breaker *b;
	struct sight sight;
	struct breaks *out;
	struct candidate *candidates; /* by age */
	size_t n_candidates;
	struct candidate *origins; /* by process; pid 0: none, or a candidate */
	pid_t template;
	bool remember;
	void *names; /* tsearch()'s: rows by their names */
	struct row **rows;
	size_t n_rows, rows_room;
	struct broken_page *broken;
	size_t n_broken, broken_room;
	struct exposed_page *exposed;
	size_t n_exposed, exposed_room;
	uint64_t exposed_file, exposed_swap;
	struct seen_process *seen; /* by process */
};

/* One process of it. */
struct turn {
	struct look *look;
	uint32_t number; /* in out->processes, and in seen */
	struct mappings mappings;
	struct breaks_counts *counts; /* by mapping */
	uint64_t *anonymous; /* by mapping: pages that are the process's, in memory or swap */
	uint64_t n_swapped;
	struct candidate origin;
	enum relation relation;
	bool is_outside; /* the origin is none of ours */
	const struct seen_process *last;
	size_t at; /* in last->pages */
};

/* Room for one more in a list of n; false: out of memory. */
bool look_grow(void *list, size_t n, size_t *room, size_t size);

/* A sight_visit: takes up pages of the process whose struct turn is the context. */
int look_visit(
	void *context, size_t mapping, const struct seen_page *pages, size_t n, struct err *e);

#endif
