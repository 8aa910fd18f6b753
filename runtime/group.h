/*
 * A container's cgroup: made for it, found again by its record, and what becomes of who lives in
 * it. Its figures and limits are the room cgroup/'s.
 */
#ifndef RUNTIME_GROUP_H
#define RUNTIME_GROUP_H

#include "cgroup/cgroup.h"
#include "runtime/container.h"

/*
 * c->root, cgroup_path and cgroup, by the manager that is asked for; the record names it before it
 * is made. Its limits are set here, or, where somebody keeps a place in it for the first process, by
 * group_settle(), when that one is born.
 */
int group_make(struct container *c, const struct create_options *o, struct err *e);
int group_settle(struct container *c, const struct create_options *o, struct err *e);

/* Takes back what group_make() made. */
int group_discard(struct container *c, struct err *e);

/*
 * Pure: who is to own it, as a user of the host; false for nobody new. By config-linux.md#cgroup-
 * ownership that is the user of the process, if the container sees its own group only (a new cgroup
 * namespace) and may write there (a mount of it that is not "ro").
 */
bool group_owner(const struct spec *spec, uid_t *ret);

/*
 * The group that its first process is in now, where that is below the container's, or that one is
 * gone; else -ENOENT. A group with groups of its own that have controllers can have no process
 * beside them ("no internal processes", cgroups(7)): there, the kernel says EBUSY.
 */
int group_open_of_init(const struct record *record, struct cgroup *ret);

/* The group at `below`, a path from the container's own on; "/" is that one. */
int group_open_below(
	const struct record *record, const char *below, struct cgroup *ret, struct err *e);

/* Where the record is damaged: as config.json names it, or by the name that it would have without. A
 * negative error code, without a text, when there is none. */
int group_find(
	const struct home *h, const struct record *record, const char *id, struct cgroup *ret);

/* To everybody in it, and in the groups below it. */
int group_signal(int group, int signal, struct err *e);

/*
 * Kills who lives in it and removes it. `damaged`: the record may lack lines.
 *
 * A whole record without a first process is of a maker who was killed before he could write it
 * down. What he may have cloned waits for him to speak, and ends as he is gone; who lives on in a
 * group of that name is another's, since the maker need not have got it, and is not killed. Where
 * the record is damaged its name says whose the group is.
 */
int group_remove(const struct home *h, const struct record *record, const char *id, bool damaged,
	struct err *e);

/* Of a container without a record: warns when a group of the name that it would have is lived in. Its
 * record may have been removed by hand, or be in another state root, so nobody is killed. */
void group_tell_stray(const char *id);

#endif
