/*
 * The child's program, in memory that nothing can write to any more: the container may get hold of this
 * file, as /proc/PID/exe, and it is not ours on disk.
 */
#ifndef RUNTIME_SEALED_INIT_H
#define RUNTIME_SEALED_INIT_H

#include "spec/base/err.h"

/* An fd of `least` or above, the caller's. */
int sealed_init_open(int least, struct err *e);

/* One for all births of this process, and of those that it forks. */
int sealed_init_keep(struct err *e);

#endif
