/*
 * Where a process has its memory from: the one that it was forked from, as far as that still lives.
 *
 * A fork copies the places of stack, code and heap, and who executes a program draws them afresh,
 * so two with the same are of one family. LIMIT: without randomized addresses all runs of a program
 * have the same; only that a process has executed none since its fork tells then.
 */
#ifndef CGROUP_ORIGIN_H
#define CGROUP_ORIGIN_H

#include <stddef.h>
#include <sys/types.h>

#include "cgroup/process.h"

enum relation {
	RELATION_NONE, /* it has executed a program, or its origin is gone */
	RELATION_PARENT,
	RELATION_TEMPLATE,
	RELATION_RELATIVE, /* the eldest of its family */
};

struct candidate {
	pid_t pid;
	struct process_stat stat;
};

/* Sorts by age. */
void candidates_sort(struct candidate *all, size_t n);

/*
 * The origin of all[number], one of these or another process: its parent, or else `template` (0:
 * none is known), or else an older relative among these. RELATION_NONE: none is left.
 */
enum relation origin_find(int proc, const struct candidate *all, size_t n, size_t number,
	pid_t template, struct candidate *ret);

#endif
