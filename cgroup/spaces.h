/*
 * Address spaces already seen: processes that share one (vfork, CLONE_VM) count once for a thing, and
 * what they map is mapped once, by however many things.
 *
 * kcmp(2) orders address spaces, so one more costs the logarithm of those seen. Where the kernel
 * has no kcmp, those with equal outlines are compared page by page; LIMIT: with those of the same
 * thing only, since forks all have one outline.
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

enum space_news {
	SPACE_KNOWN, /* this thing has it */
	SPACE_NEW,
	SPACE_OF_OTHERS, /* an earlier thing has it, and from now on this one too */
};

struct spaces {
	struct pagemap *pagemap; /* borrowed; NULL: pages cannot be compared */
	int proc;		 /* borrowed */
	bool orders;		 /* kcmp is there (tests may put false) */
	size_t thing;		 /* whose turn it is */
	struct space *seen;
	size_t n, room, last; /* the last one that was found, or added */
};

void spaces_init(struct spaces *s, int proc, struct pagemap *pagemap);
void spaces_done(struct spaces *s);
DEFINE_AUTO(spaces, spaces_done)

/* Forgets all, and keeps the memory. */
void spaces_clear(struct spaces *s);

/* What is added from now on is of this thing; things come in turn. */
void spaces_turn(struct spaces *s, size_t thing);

/* The address space of this process is seen from now on: an enum space_news; or -ENOMEM. */
int spaces_add(struct spaces *s, pid_t pid, const struct process_stat *stat);

/* As if the last one had not been added: it was new, and could not be read. */
void spaces_drop(struct spaces *s);

#endif
