/*
 * A command line as a process of ours, begun without a copy of our memory: what it inherits from us
 * (limits, prctl) is set in ourselves before.
 */
#ifndef CMD_DENSITY_SPAWN_H
#define CMD_DENSITY_SPAWN_H

#include <sys/types.h>

#include "spec/base/err.h"

/*
 * /dev/null is its input, `out` its output; `said`, a memory file that is made, gets its errors, and
 * `out` -1 its output as well. `dir`: in which it works; NULL: where we do. In a process group of its own: ctrl-c is for us.
 */
int spawn_begin(
	char *const *words, const char *dir, int out, pid_t *ret_pid, int *ret_said, struct err *e);

/* "cow run: cow: run: no image 'x'": -ECHILD with the last line that it said, or its status. */
int spawn_complain(const char *name, int said, int status, struct err *e);

#endif
