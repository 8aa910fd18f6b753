/* The starts of a trial: command by command, or all by one. */
#ifndef CMD_DENSITY_STARTS_H
#define CMD_DENSITY_STARTS_H

#include "cmd/density/fleet.h"

/* Returns what fleet_up() does; each ship has its time, unless one command has started all. `up_ms` is from the
 * first command to the end of the last, for every way. */
int starts_run(struct fleet *f, struct err *e);

#endif
