/*
 * The process that writes down ends, one after the other.
 *
 * It is forked when there is one to tell, and stays while they come: where forks end by the hundred, a
 * process for each batch of them would cost as much as what it does.
 */
#ifndef CMD_REAPER_SCRIBE_H
#define CMD_REAPER_SCRIBE_H

#include "cmd/reaper/ward.h"

/* Takes it on: w->teller is its process. False: there is no process, or it has no room for more now. What it has
 * told is told (ward_told()); what it leaves, since the record is locked, is `alone`. */
bool scribe_take(struct reaper *r, struct ward *w);

/* It has nothing to do. */
bool scribe_is_idle(void);
/* Unless it has something to do. */
void scribe_dismiss(struct reaper *r);

/* A child was reaped; false: it is another one. What it has not told is nobody's again. */
bool scribe_ended(struct reaper *r, pid_t pid);

#endif
