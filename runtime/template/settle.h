/*
 * What an execve() would have settled, for a fork that returns into its program instead.
 *
 * A fork has of its template what lies in memory, and nothing that the kernel keeps beside it: its
 * arguments and environment, as /proc shows them, are its own, and so is whether others may look
 * into it, as of a program that was executed. What a program has set for itself stays as it set it:
 * its name, signal handlers and their stack, the mask of signals.
 *
 * What a program would have of whoever started it (limits, priorities, ...) comes with the plan
 * (runtime/creator.c), and fork(2) has cleared the rest: pending signals, timers, the death signal,
 * memory locks, keyrings of the thread and the process.
 *
 * LIMIT: without CONFIG_CHECKPOINT_RESTORE and CAP_SYS_RESOURCE /proc shows the template's arguments
 * and environment. /proc/PID/exe is the template's file, and so are mapped files.
 */
#ifndef RUNTIME_TEMPLATE_SETTLE_H
#define RUNTIME_TEMPLATE_SETTLE_H

#include "runtime/init/child.h"

/* What is the program's, found out in the template. */
struct settled {
	char name[16];
	bool may_be_looked_into;
	uint64_t signal_mask;
	bool has_map; /* the kernel takes a new one */
	/* The fields of /proc/self/stat that a struct prctl_mm_map needs. */
	uint64_t start_code, end_code, start_data, end_data, start_brk, start_stack;
};

/* In the template, when its program is ready and before anything is changed for us. */
void settle_note(struct settled *ret);

/* In the fork, before its first step: its words, of which the plan has offsets yet. */
void settle_show(const struct settled *s, struct child *c);

/* In the fork, after its last step and before its seccomp filter. */
void settle_apply(const struct settled *s);

/*
 * In the fork, behind its filter, so without a system call: of the plan nothing is left but arguments and
 * environment, which stay where they are.
 */
void settle_forget(struct child *c);

#endif
