/*
 * A container's cgroup by systemd: a scope, through the container's life.
 *
 * The record names the unit before it is made and its group afterwards. In between nothing but its
 * keeper lives there (cgroup/manager.h), which goes when we do, and the scope with it: so a record
 * that does not name a group has nothing to undo.
 */
#ifndef RUNTIME_SCOPE_H
#define RUNTIME_SCOPE_H

#include "runtime/container.h"

/* c->unit, manager, cgroup_path and cgroup, by this host's systemd or, where we are no root of the
 * host, by the user's own; with the limits that systemd has properties for, but
 * that of processes. The other limits are for who calls scope_settle(). */
int scope_make(struct container *c, const struct create_options *o, struct err *e);
/* The first process is born: from now on the scope lives by it. No call for other groups. */
int scope_settle(struct container *c, struct err *e);

/* The unit that a record names: false when its group is none of systemd's. */
bool scope_of_record(const struct record *record, struct unit *ret);

/* Tells systemd of the limits, who writes them to the group, and again when it is reloaded. */
int scope_update(const struct unit *u, const struct resources *r, struct err *e);

/* Kills who lives in its group, and removes both. That systemd cannot be asked is no error. */
int scope_remove(int root, const char *path, const struct unit *u, struct err *e);

/*
 * Where the record is damaged: the scope that config.json names (NULL: it has no path) or, if it
 * names none, the one that we give. The path of its group, if that is there, else NULL. The caller
 * frees.
 */
char *scope_find(int root, const char *cgroups_path, const char *id, struct unit *ret);

#endif
