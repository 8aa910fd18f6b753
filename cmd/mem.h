/* A census as people and programs read it. */
#ifndef CMD_MEM_H
#define CMD_MEM_H

#include <stdbool.h>
#include <stdio.h>

#include "cgroup/census.h"

/*
 * One row for each container and template, and a summary. Estimates have a "~" before them, what
 * the host cannot tell is "-". `terminal`: bold header, long names cut.
 */
int mem_print_table(FILE *to, const struct census *c, bool terminal, struct err *e);

/* Who shares how much with whom; on the diagonal what each maps. */
int mem_print_matrix(FILE *to, const struct census *c, bool terminal, struct err *e);

/* What the words mean. */
void mem_print_legend(FILE *to);

/*
 * {"exact", "containers": [...], "union_bytes", ...}: bytes, null where the host cannot tell. Fills
 * in what census_rank() does.
 */
int mem_print_json(FILE *to, struct census *c, struct err *e);

#endif
