/*
 * Address spaces already seen: processes that share one (vfork, CLONE_VM) count once.
 *
 * kcmp(2) orders address spaces, so one more costs the logarithm of those seen. Where the kernel
 * has no kcmp, those with equal outlines are compared page by page.
 */
#ifndef CGROUP_SPACES_H
#define CGROUP_SPACES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cgroup/pagemap.h"
#include "cgroup/process.h"
#include "spec/base/own.h"

struct space;

struct spaces {
	struct pagemap *pagemap; /* borrowed; NULL: pages cannot be compared */
	int proc;		 /* borrowed */
	bool orders;		 /* kcmp is there (tests may put false) */
	struct space *seen;
	size_t n, room;
};

void spaces_init(struct spaces *s, int proc, struct pagemap *pagemap);
void spaces_done(struct spaces *s);
DEFINE_AUTO(spaces, spaces_done)

/* Forgets all, and keeps the memory. */
void spaces_clear(struct spaces *s);

/* 1: the address space of this process is new, and from now on seen; 0: it is not; or -ENOMEM. */
int spaces_add(struct spaces *s, pid_t pid, const struct process_stat *stat);

#endif
