/* What `cow faults` has seen, as people and programs read it. */
#ifndef CMD_FAULTS_H
#define CMD_FAULTS_H

#include <stdio.h>

#include "cgroup/breaks.h"
#include "cgroup/faults.h"
#include "cgroup/headroom.h"

/* One look, and what has happened since the one before. */
struct faults_look {
	const char *name;
	struct breaks breaks;
	struct headroom headroom;
	bool is_first;
	uint64_t interval_ms, elapsed_ms;    /* since the look before, and since the first */
	struct fault_counts interval, total; /* since then; unset at the first look */
	const char *source;		     /* "group", "threads", "processes": who was counted */
	const char *why;		     /* write-protect faults are not told; NULL: they are */
};

/*
 * Faults by the processes' own sums, where perf counts none: of those that were there before, or
 * are new. Who has ended meanwhile is missing, so they are at least as many.
 */
void faults_estimate(
	const struct breaks *before, const struct breaks *now, struct fault_counts *add);

/* Bytes that it would take if all was written that may be. */
uint64_t faults_exposure(const struct breaks *b);

/* By mapping, and if asked by process; then sentences. */
int faults_print_table(FILE *to, const struct faults_look *l, bool processes, struct err *e);

/* One line for each look after the first, and before these their header. */
void faults_print_header(FILE *to);
void faults_print_line(FILE *to, const struct faults_look *l);

/* A line of JSON. */
int faults_print_json(FILE *to, const struct faults_look *l, struct err *e);

#endif
