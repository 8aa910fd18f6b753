/*
 * The directory that an experiment writes: what was asked, on which host, and what each trial has
 * shown.
 *
 *	experiment.json	  complete, with its seed
 *	host.json
 *	trials.jsonl	  a line each, in the order in which they were made
 *	containers.csv	  a line for each container of each trial
 *	running.json	  the trial that is being made: what to take down if we are killed
 *	stage/		  while it runs: bundles, the image's files
 *
 * A directory is gone on with when it holds the same experiment; trials that it has are not made again.
 */
#ifndef CMD_DENSITY_RESULTS_H
#define CMD_DENSITY_RESULTS_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/density/experiment.h"
#include "cmd/density/host.h"
#include "cmd/density/result.h"
#include "cmd/density/schedule.h"

/* A trial that was begun, and not ended. */
struct running {
	char *prefix;
	uint32_t variant, way, count, repetition;
};

struct results {
	int dir;
	char *path; /* absolute */
	struct experiment experiment;
	struct host host;
	struct result *v; /* what is done */
	size_t n;
	struct running running; /* prefix NULL: nothing is left */
};

#define RESULTS_NONE                                                                               \
	{                                                                                          \
		.dir = -1                                                                          \
	}

/* Reads a directory, which nobody writes meanwhile. -ENOENT: there is none, or no experiment in it. */
int results_open(const char *path, struct results *ret, struct err *e);

/* The same, and changes nothing: for those of a run that goes on. */
int results_look(const char *path, struct results *ret, struct err *e);

/*
 * Makes the directory, or opens it when it holds the same experiment (-EEXIST: another one). Takes
 * the experiment. `records`: cow's state root.
 */
int results_begin(
	const char *path, int records, struct experiment *x, struct results *ret, struct err *e);

bool results_has(const struct results *r, const struct trial *t);

/* Before the first container of a trial is started. */
int results_will_run(struct results *r, const struct trial *t, const char *prefix, struct err *e);

/* When the last one is gone; `result` NULL: it has shown nothing, and is to be made again. Takes it. */
int results_have_run(struct results *r, struct result *result, struct err *e);

/* Opened for appending, with its heading when it is new. The caller closes. */
int results_open_table(const struct results *r, FILE **ret, struct err *e);

void results_done(struct results *r);
DEFINE_AUTO(results, results_done)

#endif
