/*
 * Who writes down the ends of wards: forked processes, since the lock of a record may be held, and a
 * removal takes its time.
 *
 * One of them does it for all (scribe.h); those whose record is locked get one each.
 */
#ifndef CMD_REAPER_TELLER_H
#define CMD_REAPER_TELLER_H

#include "cmd/reaper/ward.h"

/* For what has ended and is nobody's. False when there were no processes for all of it: once more,
 * later. */
bool tellers_begin(struct reaper *r);

/* A child that was reaped; false: it was none of them. */
bool tellers_ended(struct reaper *r, pid_t pid, int status);

/* --- in such a process --------------------------------------------------------------------------
 */

/* Only what is its own goes to what it may start: neither our fds, but for `keep` (-1: none), which has the
 * number that is returned then, nor our limit nor our signals. */
int teller_become(struct reaper *r, int keep);

/* The end of a container's first process, with its wait status. */
void teller_tell(const struct reaper *r, const char *id, pid_t pid, int status);

#endif
