/*
 * A cgroup, held by its directory fd.
 *
 * Paths are those below the root of the v2 mount ("/cowrun-x", "/a/b/c"), as path.h has them.
 * Everything after opening goes by the fd, so a group that was removed and made again under the
 * same name is never mistaken for ours.
 *
 * Life: cgroup_make() → processes are born in it (CLONE_INTO_CGROUP takes `fd`, O_PATH as it is) →
 * cgroup_remove(), which kills whatever is still inside and needs only the path and `made`, so that
 * a record of the two is enough after a crash.
 *
 * Texts of errors never end in the system's words for ENOENT: engines take those to mean that the
 * container's program was not found.
 */
#ifndef CGROUP_CGROUP_H
#define CGROUP_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

struct resources;

struct cgroup {
	int fd;	       /* O_PATH; -1: none */
	unsigned made; /* how many levels, from the leaf upward, cgroup_make() created */
};

#define CGROUP_NONE ((struct cgroup){ .fd = -1 })

void cgroup_done(struct cgroup *c);
DEFINE_AUTO(cgroup, cgroup_done)

/*
 * Makes the group and the groups above it that are missing. In these, and in those that were there,
 * it enables the controllers that `limits` (NULL: none) ask for, and as many of the others as the
 * kernel lets, since engines read their figures; the limits are not yet set (limits_apply()).
 * A group that is there already must be empty of processes and not frozen: -EBUSY. What was made is
 * unmade on failure.
 */
int cgroup_make(int root, const char *path, const struct resources *limits, struct cgroup *ret,
	struct err *e);

/*
 * Opens a group that somebody else has just made for us, who enables controllers above it: those
 * that the limits need beyond his are enabled too, and no others. -ENOENT when there is none.
 */
int cgroup_adopt(int root, const char *path, const struct resources *limits, struct cgroup *ret,
	struct err *e);

/* -ENOENT when there is none. */
int cgroup_open(int root, const char *path, struct cgroup *ret, struct err *e);

/* Removes up to n groups above that of `path`, as long as they are empty; says nothing. */
void cgroup_prune(int root, const char *path, unsigned n);

/*
 * Kills everything inside, waits for its end (10 s at most: -EBUSY, the text names a process and
 * its state), removes the groups inside and the group, then up to `made` - 1 groups above, as long
 * as they are empty. A group that is not there is no error.
 */
int cgroup_remove(int root, const char *path, unsigned made, struct err *e);

/*
 * SIGKILL to everything inside, also what is just being forked, what is frozen, and what goes on
 * without its first thread.
 */
int cgroup_kill(int fd, struct err *e);

/* Moves a process in, which may take its time (to be born there is better); what it has is charged as before. */
int cgroup_enter(int fd, pid_t pid, struct err *e);

/*
 * Freezes or thaws, and waits until the kernel confirms it: -ETIMEDOUT after timeout_ms, and then a
 * group that was to be frozen is thawed again. -1: waits for ever.
 */
int cgroup_freeze(int fd, bool frozen, int timeout_ms, struct err *e);

/*
 * 1, 0, or -errno. Frozen: not by a census for an instant (freeze_lock.h), whose end is waited for.
 * Populated: a living process in it or below.
 */
int cgroup_is_frozen(int fd);
int cgroup_is_populated(int fd);

/*
 * The processes in it (recursive: and below), as this pid namespace numbers them; those that it
 * cannot see are left out. The caller frees the list; it is NULL when there are none.
 */
int cgroup_processes(int fd, bool recursive, pid_t **ret, size_t *ret_n, struct err *e);

#endif
