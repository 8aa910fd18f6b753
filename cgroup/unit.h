/*
 * A container's cgroup as a unit of systemd: a scope, and the slice that it is in. Pure.
 *
 * linux.cgroupsPath is "slice:prefix:name" then, as engines write it: the scope "prefix-name.scope".
 */
#ifndef CGROUP_UNIT_H
#define CGROUP_UNIT_H

#include <stdbool.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

enum { UNIT_NAME_MAX = 256 };

struct unit {
	char name[UNIT_NAME_MAX];  /* "podman-web.scope" */
	char slice[UNIT_NAME_MAX]; /* "machine.slice" */
	bool of_user;		   /* the unit of a user's own manager */
};

/*
 * NULL or "": "cowrun-ID.scope". Without a slice it is system.slice, or user.slice at a user's
 * manager. -EINVAL for another form, and for what systemd takes for no name of a unit.
 */
int unit_parse(
	const char *cgroups_path, const char *id, bool of_user, struct unit *ret, struct err *e);

/* Where the unit's group is below that of its manager: "/a.slice/a-b.slice/x.scope" of a scope in
 * a-b.slice. The caller frees; NULL: no memory. */
char *unit_path(const struct unit *u);

/*
 * Where the group of a user's manager is, by that of one of his processes: "/user.slice/user-7.slice/
 * user@7.service" of all that are below it, and of his sessions beside it. The caller frees; NULL: it
 * does not tell, or no memory.
 */
char *unit_of_manager(const char *path);

#endif
