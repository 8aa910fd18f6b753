/*
 * linux.intelRdt: a group of resctrl, which shares out caches and memory bandwidth.
 *
 * The group is a directory of that file system: the one that closID names, or else one of the
 * container's own, named by its id. It holds `schemata`, `tasks`, and `mon_groups`, where groups
 * that only count are. Processes born in a group stay in it. As the specification has it, what a
 * closID names stays when the container goes: others may have joined it.
 */
#ifndef RUNTIME_RDT_H
#define RUNTIME_RDT_H

#include <sys/types.h>

#include "spec/base/own.h"
#include "spec/spec.h"

struct rdt {
	int root;	    /* of the file system; -1: no group is asked for */
	int group, monitor; /* directories; monitor -1: no group that counts */
	char *made;	    /* below the root, the one to remove with the container; NULL: none */
};

#define RDT_NONE                                                                                   \
	{                                                                                          \
		.root = -1, .group = -1, .monitor = -1                                             \
	}

/*
 * The group, with its schemata; `spec` NULL: none, and nothing is looked at. A line of the journal
 * names what is to be removed before it is made. A group that was there must have l3CacheSchema and
 * memBwSchema already. One that is new, and does not take its schemata, is removed at once.
 */
int rdt_make(
	const struct rdt_spec *spec, const char *id, int journal, struct rdt *ret, struct err *e);
/* The same below `root`, which is taken. */
int rdt_make_in(int root, const struct rdt_spec *spec, const char *id, int journal, struct rdt *ret,
	struct err *e);

/* `pid`, and who is born of it from now on. */
int rdt_join(const struct rdt *rdt, pid_t pid, struct err *e);
/* The same for a container that was made before; no error when its group is gone. */
int rdt_join_of(const struct rdt_spec *spec, const char *id, pid_t pid, struct err *e);

/* By what `made` was; no error when it, or the file system, is gone. */
int rdt_remove(const char *made, struct err *e);
int rdt_remove_in(int root, const char *made, struct err *e);

/* Pure: whether the text of `schemata` has all that the line says: "L3:0=f;1=0f". */
bool rdt_has_schema(const char *schemata, const char *line);

void rdt_done(struct rdt *rdt);
DEFINE_AUTO(rdt, rdt_done)

#endif
