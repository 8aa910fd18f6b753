/* Who is connected to the reaper: to hand over forks, or to hear of an end. */
#ifndef CMD_REAPER_VISITOR_H
#define CMD_REAPER_VISITOR_H

#include "cmd/reaper/reaper.h"

/* Everybody who is at the door. */
void visitors_greet(struct reaper *r);

/* The end of that ward is written down. */
void visitors_tell(struct reaper *r, const char *id, pid_t pid);

/* Somebody may still have something to hand over. */
bool visitors_hand(const struct reaper *r);

#endif
