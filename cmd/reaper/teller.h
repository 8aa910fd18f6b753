/*
 * Who writes down the ends of wards: forked processes, since the lock of a record may be held, and a
 * removal takes its time.
 *
 * One of them does all that have ended meanwhile; those whose record is locked get one each.
 */
#ifndef CMD_REAPER_TELLER_H
#define CMD_REAPER_TELLER_H

#include "cmd/reaper/ward.h"

/* For what has ended and is nobody's. False when there were no processes for all of it: once more,
 * later. */
bool tellers_begin(struct reaper *r);

/* A child that was reaped; false: it was none of them. */
bool tellers_ended(struct reaper *r, pid_t pid, int status);

#endif
