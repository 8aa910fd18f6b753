/*
 * Settings of the host that an experiment changes, and what they were.
 *
 * What a setting was is written down, and synced, before it is changed; knobs_restore() puts it back,
 * and so does the next run of any experiment when this one was killed.
 */
#ifndef CMD_DENSITY_KNOBS_H
#define CMD_DENSITY_KNOBS_H

#include "cmd/density/experiment.h"

/*
 * Makes the host as the variant wants it. `dir`: where what was is written down (one place for all
 * experiments of this host). -EACCES and the like name the setting.
 */
int knobs_turn(int dir, const struct variant *v, struct err *e);

/* Puts back what is written down in `dir`, if anything is, and removes that. */
int knobs_restore(int dir, struct err *e);

/* Of ourselves, for all that we start meanwhile: settings of a process that are inherited. */
int knobs_of_process(const struct variant *v, bool on, struct err *e);

#endif
