/* A line on a terminal: which trial, what it does, and how long the rest will take. */
#ifndef CMD_DENSITY_PROGRESS_H
#define CMD_DENSITY_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress {
	bool shown; /* standard error is a terminal, and --quiet was not given */
	size_t trial, n_trials;
	char title[96]; /* of the trial */
	double begun, weight_done,
		weight_all; /* seconds; and containers, of trials done and of all */
};

void progress_begin(struct progress *p, bool quiet, size_t n_trials, double weight_all);
void progress_trial(struct progress *p, size_t trial, const char *title);
/* `weight`: how many containers it had. */
void progress_ended(struct progress *p, double weight);
/* For struct fleet: `context` is the struct progress. */
void progress_step(void *context, const char *what, size_t n, size_t of);
void progress_clear(const struct progress *p);

#endif
