/* The starts of a trial: command by command, all by one, or without any runtime. */
#ifndef CMD_DENSITY_STARTS_H
#define CMD_DENSITY_STARTS_H

#include "cmd/density/fleet.h"

/* Returns what fleet_up() does; each ship has its time, unless one command has started all. */
int starts_run(struct fleet *f, struct err *e);

#endif
