/*
 * Groups of cgroup v1's memory hierarchy, read by their directory fds: they are others', and
 * nothing is ever written there. Where that hierarchy is, foreign.h knows.
 */
#ifndef CGROUP_LEGACY_H
#define CGROUP_LEGACY_H

#include <stdbool.h>

#include "spec/base/opt.h"

/* Whether this is a group of that hierarchy. */
bool legacy_is_memory(int fd);

/* Bytes that it is charged, with the groups below; and may be. What cannot be read is unset. */
void legacy_charges(int fd, struct opt_u64 *ret_charged, struct opt_u64 *ret_limit);

#endif
