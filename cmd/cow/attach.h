/* A terminal that a monitor keeps (cmd/cow/monitor.h), shown here. */
#ifndef CMD_COW_ATTACH_H
#define CMD_COW_ATTACH_H

#include "cmd/cow/wait.h"
#include "runtime/screen.h"

#define ATTACH_KEYS "ctrl-p,ctrl-q"

/* The keys that leave a terminal: letters and ctrl-LETTER, with commas between; "": there are none. */
int attach_keys(const char *text, struct screen *s, struct err *e);

/*
 * Shows it: `connection` is what the monitor sends, `terminal` the master. When it has ended, the
 * status is the container's; 0 when its user left.
 */
int attach_show(const struct home *h, struct wait *w, struct screen *s, int connection,
	int terminal, struct err *e);

#endif
