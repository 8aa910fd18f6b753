/* Signals by name. */
#ifndef CMD_SIGNALS_H
#define CMD_SIGNALS_H

#include "spec/base/err.h"

/* "9", "KILL", "SIGKILL", "sigkill", "SIGRTMIN+3"; 0 asks only whether one could be sent. */
int signal_parse(const char *text, int *ret, struct err *e);

#endif
