/*
 * linux.resources as cgroup files: planned by one table, a row each knob, then written.
 *
 * What the document leaves unset (or 0, where the OCI tools take that as unset) writes nothing; so
 * create and update are the same way. The plan says which controllers are needed.
 */
#ifndef CGROUP_LIMITS_H
#define CGROUP_LIMITS_H

#include <stddef.h>

#include "cgroup/hierarchy.h"
#include "spec/base/err.h"
#include "spec/base/own.h"
#include "spec/resources.h"

struct limit_write {
	enum controller controller; /* 0: none, the file is in every group */
	const char *file;	    /* "memory.max" */
	const char *text;	    /* what is written: borrowed from the resources, ... */
	char value[112];	    /* ... or, where that is NULL, this */
	char name[40];		    /* room for a name that is made */
	unsigned flags;		    /* enum limit_flags */
};

enum limit_flags {
	LIMIT_MAY_LACK = 1,    /* the file may not be there: what it would say holds anyway */
	LIMIT_COMES_AGAIN = 2, /* -EINVAL is no error: a later row writes it once more */
	LIMIT_KEEP_FIRST = 4,  /* the first word is a stand-in for what the file says now */
	LIMIT_OR_NEXT = 8,     /* where the file is not there, the next write; else not that one */
	LIMIT_BY_LINE = 16,    /* a write() for each line */
};

struct limits_plan {
	struct limit_write *v; /* does not move: `file` may be the `name` beside it */
	size_t n;
	unsigned controllers; /* the set that they need, those that LIMIT_MAY_LACK aside */
};

/* Pure; the resources are borrowed. -EINVAL for values that no order of writes could give,
 * -ERR_NO_CONTROLLER for a `unified` file of none that we know. */
int limits_plan(const struct resources *r, struct limits_plan *ret, struct err *e);
void limits_plan_done(struct limits_plan *p);
DEFINE_AUTO(limits_plan, limits_plan_done)

/*
 * Whether the host can give these limits: -ERR_NO_CONTROLLER names the controller, where it is, and
 * what to do. No system call when nothing is asked for.
 */
int limits_check(int root, const struct resources *r, struct err *e);

/* With memory.checkBeforeUpdate a limit below what is in use is refused: -EBUSY. */
int limits_check_usage(int fd, const struct resources *r, struct err *e);

/* Writes them into the group, after limits_check_usage(). */
int limits_apply(int fd, const struct resources *r, struct err *e);

/*
 * Makes the group die as a whole when one of its processes is killed for lack of memory
 * (memory.oom.group). `cow run --memory` wants that; an OCI document has no word for it, so
 * limits_apply() leaves it alone.
 */
int limits_die_together(int fd, struct err *e);

#endif
