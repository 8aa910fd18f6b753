/*
 * A path below the hierarchy's root, as its names. Pure.
 *
 * "/cowrun-x" or "a/b/c": 1 to 32 names of at most 255 bytes, none of them empty, "." or "..", and
 * no control characters (a newline would forge a line of /proc/PID/cgroup).
 */
#ifndef CGROUP_PATH_H
#define CGROUP_PATH_H

#include <stddef.h>

#include "spec/base/err.h"

enum { CGROUP_DEPTH_MAX = 32, CGROUP_PATH_MAX = 4096 };

struct cgroup_path {
	const char *name[CGROUP_DEPTH_MAX]; /* in `names` */
	size_t n;
	const char *whole; /* as it was given, but for a leading '/': borrowed */
	char names[CGROUP_PATH_MAX];
};

/* -EINVAL, -ENAMETOOLONG. */
int cgroup_path_parse(const char *text, struct cgroup_path *ret, struct err *e);

/* How many bytes of `whole` the first n names are. */
int cgroup_path_length(const struct cgroup_path *p, size_t n);

#endif
