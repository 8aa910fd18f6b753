/*
 * Two runs held against each other: the cells that both have, as ratios of the second's medians to
 * the first's, and in what the hosts and the experiments differ. Nothing is run. -EINVAL: they have no
 * cell in common.
 */
#ifndef CMD_DENSITY_COMPARE_H
#define CMD_DENSITY_COMPARE_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/density/results.h"

int compare_print(
	FILE *to, const struct results *a, const struct results *b, bool terminal, struct err *e);

/* On the standard output. */
int compare_print_json(const struct results *a, const struct results *b, struct err *e);

#endif
