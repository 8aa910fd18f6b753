/* All groups of a hierarchy, v2 or v1, from its root downwards. */
#ifndef CGROUP_GROUPS_H
#define CGROUP_GROUPS_H

#include "spec/base/err.h"

/*
 * `path` is below the root and begins with '/', of any length; `fd` (O_PATH) is the walk's. 0: go on
 * into it; 1: what is in it need not be seen; or the error, which ends the walk.
 *
 * fd -errno: this group could not be opened; or, after it was visited, its groups could not be
 * listed. What is in it is not seen; the walk goes on where this returns 0 or 1.
 */
typedef int groups_visit(void *context, const char *path, int fd, struct err *e);

/*
 * Every group is visited before those in it, and beside each other by their names; the root itself is
 * not. Groups that vanish meanwhile are left out. However deep they nest, no more than three files
 * are open at a time, beside those of the visit.
 */
int groups_walk(int root, groups_visit *visit, void *context, struct err *e);

#endif
