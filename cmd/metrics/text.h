/* A census as OpenMetrics text, from a table of families. Pure. */
#ifndef CMD_METRICS_TEXT_H
#define CMD_METRICS_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "cgroup/census.h"
#include "spec/base/str.h"

#define METRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct metrics {
	const struct census *census;
	double seconds;	     /* what the census took */
	uint64_t n_censuses; /* since this program began, with this one */
	bool pairs;	     /* who shares how much with whom, too */
};

/*
 * What is not known is absent, and never 0. Every container is told apart by its labels: its name,
 * and its id where that is another. -ENOMEM: nothing that is in `ret` is of use.
 */
int metrics_text(const struct metrics *m, struct str *ret);

#endif
