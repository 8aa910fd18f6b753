/*
 * Where cgroup v2 is on this host, and which controllers it offers there.
 *
 * cowrun uses version 2 only, wherever it is mounted: at /sys/fs/cgroup (unified), or beside v1
 * hierarchies (hybrid), where it has groups, kill and freeze, but only the controllers that no v1
 * hierarchy holds. A limit whose controller is not there is refused with a text that says why.
 */
#ifndef CGROUP_HIERARCHY_H
#define CGROUP_HIERARCHY_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/err.h"

/* The controllers that limits are made of, as bits of a set. */
enum controller {
	CONTROLLER_MEMORY = 1,
	CONTROLLER_CPU = 2,
	CONTROLLER_CPUSET = 4,
	CONTROLLER_PIDS = 8,
	CONTROLLER_IO = 16,
	CONTROLLER_HUGETLB = 32,
	CONTROLLER_RDMA = 64,
	CONTROLLER_MISC = 128, /* these two only by `unified` */
	CONTROLLER_DMEM = 256,
};

const char *controller_name(enum controller c);
/* The controller whose files are called "<name>.…"; 0: none that we know. */
enum controller controller_of_file(const char *file);
/* The set that a text like "cpuset cpu memory" names; words that are none of ours are skipped. */
unsigned controllers_parse(const char *text);
/* "+memory +pids" (the form that cgroup.subtree_control takes) of a set. Returns `out`. */
enum { CONTROLLERS_TEXT = 96 };
char *controllers_format(unsigned set, char out[CONTROLLERS_TEXT]);
/* What fits the files that list them, of a kernel that has twice as many. */
enum { CONTROLLERS_FILE = 256 };

/*
 * An O_PATH fd of the root of the cgroup2 mount; the caller closes it. Two system calls on a
 * unified host, three on a hybrid one.
 */
int hierarchy_open(int *ret_root, struct err *e);

/* The path of that mount, for messages; the caller frees. -ENOENT when there is none, -ENOMEM. */
int hierarchy_path(char **ret);

/* The set offered at this group; none when it cannot be read. */
unsigned hierarchy_controllers(int dirfd);

/* Whether a controller is offered at this group (one of ours, or "io", "hugetlb", ...). */
bool hierarchy_has(int dirfd, const char *controller);

/* Says why a controller is not offered at the root, and what to do. Returns -ERR_NO_CONTROLLER. */
int hierarchy_refuse(enum controller c, struct err *e);

/* Pure, for the above and for tests. */

enum controller_place {
	CONTROLLER_ABSENT,    /* the kernel does not know it (or no longer lists it) */
	CONTROLLER_DISABLED,  /* switched off at boot (cgroup_disable=) */
	CONTROLLER_V1,	      /* a v1 hierarchy holds it */
	CONTROLLER_NOT_GIVEN, /* no v1 hierarchy holds it: the group above does not pass it on */
};

/* By the text of /proc/cgroups. */
enum controller_place controller_place(const char *proc_cgroups, const char *controller);

/*
 * The mount point of the next cgroup2 mount that shows the hierarchy's root, by the text of
 * mountinfo from *at on, which moves behind it. The caller frees; NULL: no more, or out of memory.
 */
char *mountinfo_next_cgroup2(const char **at);

#endif
