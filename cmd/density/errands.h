/*
 * Command lines run side by side, each with the time that it took.
 *
 * Each has /dev/null as its input; what it says is kept for the message, should it fail. A program
 * that leaves something in the background (`run -d`) is done when it itself ends.
 */
#ifndef CMD_DENSITY_ERRANDS_H
#define CMD_DENSITY_ERRANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/err.h"

struct errand {
	char **words; /* borrowed; NULL ends them */
	double ms;    /* from its start to its exit; 0 while it has not ended */
	bool done;    /* it has ended with 0 */
};

struct errands {
	struct errand *v;
	size_t n;
	unsigned parallel;
	const char *dir; /* in which they work; NULL: where we do */
	/*
	 * After each: `n_done` have ended. A negative code ends it all: no more are begun, those that
	 * run are waited for, and errands_run() returns that code with the error as it was set here.
	 */
	int (*tick)(void *context, size_t n_done, struct err *e);
	void *context;
	bool go_on; /* after failures: all are tried, and the first failure is returned */
};

/* -ECHILD: one has failed: the error has its command and the last line that it said. */
int errands_run(struct errands *r, struct err *e);

#endif
