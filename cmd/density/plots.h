/*
 * Plots of an experiment, by gnuplot: SVG and PNG in the results' plots/, each with the data and the
 * script that it was made of, so that it can be made again, or otherwise.
 */
#ifndef CMD_DENSITY_PLOTS_H
#define CMD_DENSITY_PLOTS_H

#include "cmd/density/summary.h"

/* Whether there is a gnuplot: without one everything but the plots works. */
bool plots_can_be_made(void);

/* One for each row of a table; those that have nothing to show are left out. */
int plots_make(const struct results *r, const struct summary *s, struct err *e);

#endif
