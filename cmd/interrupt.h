/* SIGINT, SIGTERM and SIGHUP as a note: whoever works looks at it, and clears away what he began. */
#ifndef CMD_INTERRUPT_H
#define CMD_INTERRUPT_H

#include <signal.h>

extern volatile sig_atomic_t interrupted;

void interrupt_watch(void);

/* In a forked process that does not look at the note: as it was before, if it is watched. */
void interrupt_forget(void);

#endif
