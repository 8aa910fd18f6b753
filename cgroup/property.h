/*
 * Properties of a unit of systemd, as lines that our program cowrun-systemd takes. Pure.
 *
 *	252 CPUWeight t 0
 *
 * is: since that version of systemd (older ones are not told it), its name, its type as D-Bus
 * writes types, and its value: a number, "true" or "false", a text as it is. A set of bits ("ay")
 * is in hexadecimal, the lowest byte first; of another list each value has a tab before it.
 */
#ifndef CGROUP_PROPERTY_H
#define CGROUP_PROPERTY_H

#include "spec/base/err.h"
#include "spec/base/str.h"
#include "spec/resources.h"

/* An annotation of config.json whose key begins so names a property behind it. */
#define PROPERTY_ANNOTATION "org.systemd.property."

enum property_time {
	PROPERTY_AT_START = 1, /* what a scope is made with */
	PROPERTY_SETTLED = 2,  /* what holds as soon as nobody but the container is in it */
	PROPERTY_UPDATE = 4,   /* what may change afterwards */
};

void property_add(
	struct str *to, unsigned since, const char *name, const char *type, const char *value);

/*
 * The limits that systemd has a property for, at that time. The others, and all of them again, are
 * written to the group's files: systemd's are coarser (a cpu quota has whole percents), and must
 * not be stricter. -errno as limits_plan() has it.
 */
int property_limits(
	const struct resources *r, enum property_time at, struct str *to, struct err *e);

/*
 * An annotation: `name` and a value in GVariant's text format ("uint64 5", "'inactive'", "['a']",
 * "true"; a bare number is an int32). A name that ends in Sec is taken in seconds, as unit files
 * have it, where systemd's own is USec. -EINVAL when it is no such text, or what we say ourselves.
 */
int property_annotation(const char *name, const char *value, struct str *to, struct err *e);

#endif
