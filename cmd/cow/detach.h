/* A container in the background, with its monitor. */
#ifndef CMD_COW_DETACH_H
#define CMD_COW_DETACH_H

#include "cmd/commands.h"
#include "runtime/launch.h"

/* Prints the container's name when it runs; a failure to launch it is ours. */
int detach_run(struct context *c, const struct launch_options *o, struct err *e);

#endif
