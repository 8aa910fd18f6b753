/*
 * What a program has of whoever starts it, where its configuration is silent.
 *
 * Whatever executes its program inherits it from us, and nothing is said. A fork of a template has
 * it of that, which may have been started by others, under other limits, and may have changed it: so a fork
 * is given what it would have had of us.
 *
 * LIMIT: the core dump filter, and whether huge pages and merged ones are used, lie with the memory and
 * are the template's; so is the audit's login uid.
 */
#ifndef RUNTIME_CREATOR_H
#define RUNTIME_CREATOR_H

#include <sys/types.h>

#include "runtime/draft.h"
#include "spec/spec.h"

/* In the plan, beside what is in it: limits, memory policy, personality, timer slack, secure bits. */
void creator_plan(struct draft *d);

/* From outside, by its pid: nice value and policy, I/O priority, OOM score. */
int creator_schedule(pid_t pid, const struct process_spec *p, struct err *e);

#endif
