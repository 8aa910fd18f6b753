/*
 * Processes and their descendants, as they are at one moment.
 *
 * LIMIT: a process whose parent has ended is its reaper's child, and of its family no more.
 */
#ifndef CGROUP_FAMILY_H
#define CGROUP_FAMILY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

struct kin;

struct families {
	struct kin *v; /* by parent */
	size_t n;
};

/* All processes that this pid namespace has. */
int families_read(struct families *ret, struct err *e);
void families_done(struct families *f);
DEFINE_AUTO(families, families_done)

/*
 * `first` and its descendants, sorted; none where it is not there, or began at another time than
 * `start` (process_stat.start; 0: at any). `without`: this one and its descendants are left out;
 * 0: nobody. The caller frees the list.
 */
int families_list(const struct families *f, pid_t first, uint64_t start, pid_t without, pid_t **ret,
	size_t *ret_n, struct err *e);

#endif
