/* Who lives in a container that has no cgroup: the processes of its pid namespace. */
#ifndef RUNTIME_RESIDENTS_H
#define RUNTIME_RESIDENTS_H

#include "runtime/record.h"

/*
 * As our pid namespace numbers them; the caller frees. Where it has no pid namespace of its own, the
 * first process alone is known. LIMIT: those of a pid namespace that was made in there are not seen,
 * nor those that we may not look at.
 */
int residents_list(const struct record *record, pid_t **ret, size_t *ret_n, struct err *e);

#endif
