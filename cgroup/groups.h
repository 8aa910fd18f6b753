/* All groups of a hierarchy, v2 or v1, from its root downwards. */
#ifndef CGROUP_GROUPS_H
#define CGROUP_GROUPS_H

#include "spec/base/err.h"

/*
 * `path` is below the root and begins with '/'; `fd` (O_PATH) is the walk's. 0: go on into it; 1:
 * what is in it need not be seen; or the error, which ends the walk.
 */
typedef int groups_visit(void *context, const char *path, int fd, struct err *e);

/*
 * Every group is visited before those in it, and beside each other by their names; the root itself is
 * not. Groups that vanish meanwhile,
 * that we may not look into, or that are deeper than 4096 bytes of path, are left out.
 */
int groups_walk(int root, groups_visit *visit, void *context, struct err *e);

#endif
