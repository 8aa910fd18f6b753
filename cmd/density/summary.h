/*
 * Trials of one cell (variant, way, count) as one row: medians over its repetitions, with what they
 * spread. Pure.
 */
#ifndef CMD_DENSITY_SUMMARY_H
#define CMD_DENSITY_SUMMARY_H

#include <stdio.h>

#include "cmd/density/results.h"

struct cell {
	const char *variant, *way; /* of the experiment: borrowed */
	uint64_t count;
	size_t n;			  /* of trials; 0: none yet */
	bool exact, all_started, settled; /* of every one of them */
	const char *why;		  /* of the first that was not exact, or not all started */
	struct spread start_us, cost_each, taken_each, union_bytes, saved_bytes;
	struct spread
		containers_us;	  /* starts of the containers of a trial: medians over the trials */
	struct spread rate_milli; /* containers a second, times 1000; most: as p90 */
	struct portion each;	  /* medians of medians */
};

extern const struct field cell_fields[]; /* for writing */

struct summary {
	struct cell *v; /* in the experiment's order: variant, way, count */
	size_t n;
};

/* -ENOMEM. */
int summary_make(const struct results *r, struct summary *ret, struct err *e);
void summary_done(struct summary *s);
DEFINE_AUTO(summary, summary_done)

/* The table that the command ends with, which is summary.txt too. */
int summary_print(FILE *to, const struct summary *s, bool terminal, struct err *e);

#endif
