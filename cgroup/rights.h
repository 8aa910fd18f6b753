/*
 * What an ordinary user may do in the hierarchy: only what was delegated to him (cgroups(7),
 * "Delegation"). Groups can be made in directories that are his; and a process gets from its group
 * into another if cgroup.procs is his there and in the group that is above both.
 */
#ifndef CGROUP_RIGHTS_H
#define CGROUP_RIGHTS_H

#include <stdbool.h>

#include "spec/base/err.h"
#include "spec/resources.h"

/* Whether we may make the group `path`, with those above it that are missing, and be born in it. */
bool rights_to(int root, const char *path);

/*
 * The path of the group where those of ours belong: around the one that we are in, which has
 * processes and so can pass on no controllers; that one, if no more is ours. The caller frees; NULL:
 * neither is, or out of memory.
 */
char *rights_place(int root);

/* The path of the group that we are in, "" for the root. The caller frees; NULL: not to be found. */
char *rights_own_path(void);

/* The group that we are in, as an O_PATH fd, the caller's; -errno. */
int rights_own_group(int root);

/* Whether a group there can have limits by that controller ("pids"). */
bool rights_limit(int root, const char *controller);

/* The limits that `r` asks for cannot be had without a group of ours: an error that says what to do;
 * 0: it asks for none. */
int rights_refuse_limits(const struct resources *r, struct err *e);

/* What to do, for the end of a message. */
#define RIGHTS_HINT                                                                                \
	"limits need a cgroup that is delegated to the user (hint: systemd-run --user --scope "    \
	"-p Delegate=yes ...; or as root: mkdir, chown and enable the controllers above it)"

#endif
