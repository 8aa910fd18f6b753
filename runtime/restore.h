/* The part of container_create() that CRIU does for a container that is restored. */
#ifndef RUNTIME_RESTORE_H
#define RUNTIME_RESTORE_H

#include "runtime/checkpoint.h"

/* Its processes run in its group when this returns; the first one is our child. */
int restore_process(const struct container *c, const struct checkpoint_options *o,
	struct birth *ret, struct err *e);

#endif
