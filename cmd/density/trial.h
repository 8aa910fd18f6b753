/*
 * One trial: containers brought up, left until their memory is at rest, measured, taken down.
 */
#ifndef CMD_DENSITY_TRIAL_H
#define CMD_DENSITY_TRIAL_H

#include "cmd/density/fleet.h"
#include "cmd/density/results.h"

/* What a trial needs beside the stage. */
struct trial_setting {
	struct stage *stage;
	struct results *results;
	int knobs; /* the directory of knobs.h */
	void (*progress)(void *context, const char *what, size_t n, size_t of);
	void *progress_context;
};

/*
 * Makes it, and adds it to the results. -EINTR: interrupted; nothing of it is left, and it has not
 * been made.
 */
int trial_run(const struct trial_setting *s, const struct trial *t, struct err *e);

/* Takes down what is left of one that was killed. */
int trial_clean(const struct trial_setting *s, struct err *e);

#endif
