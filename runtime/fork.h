/*
 * What of container_create() is otherwise where the container is a template's fork (runtime/template.h).
 */
#ifndef RUNTIME_FORK_H
#define RUNTIME_FORK_H

#include "runtime/container.h"

struct fork_source;
struct template;

/* Its birth: refuses what no fork can have. -ENOTSUP, and what foreign_begin() returns. */
int fork_begin(struct container *c, const struct create_options *o, struct err *e);

/*
 * A fork is born into its group by its template, which may not do that where it has no privilege out here (it
 * would have to write to groups of ours). Then it waits for its plan until it is moved there by us, since
 * its cgroup namespace begins where it is.
 */
bool fork_is_moved(const struct container *c, const struct create_options *o);
int fork_move(struct container *c, struct err *e);

/* Who waits for its end knows of it before it may come. */
int fork_hand(struct container *c, const struct fork_source *from, struct err *e);

/*
 * It is not to be, for the reason `why` (-errno): before its group is ended, its template's helper has left that
 * one. Killed in there it would take its template along, whose memory it shares.
 */
void fork_give_up(const struct container *c, const struct template *t, int why);

#endif
