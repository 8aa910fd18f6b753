/* Many containers in the background by one command. */
#ifndef CMD_COW_MANY_H
#define CMD_COW_MANY_H

#include "cmd/commands.h"
#include "runtime/launch.h"

#define MANY_MAX 100000

/*
 * Starts `count` containers that differ in their names alone: `o->name` with -1, -2, ... behind it, or
 * made ones. Several are on their way at a time; the name of each is printed as soon as it runs. After
 * a failure, or SIGINT, SIGTERM or SIGHUP (-EINTR), no more are begun, and those that run stay.
 */
int many_run(struct context *c, const struct launch_options *o, unsigned count, struct err *e);

#endif
