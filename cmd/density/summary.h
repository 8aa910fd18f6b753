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
	struct opt_u64 template;  /* what it has for itself that they are forks of */
	struct opt_u64 noise_each; /* by so much of taken_each the host's memory moved anyhow */
};

extern const struct field cell_fields[]; /* for writing */

/* Whether taken_each is lost in what the host's memory does anyhow: more than a tenth of it. */
bool cell_is_noisy(const struct cell *c);

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
