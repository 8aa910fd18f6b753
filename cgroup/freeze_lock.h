/*
 * Who may freeze a group, and thaw it, right now.
 *
 * A census freezes groups for an instant (frost.h). Nobody shall take that for a pause, nor shall a
 * pause that is made meanwhile be lost when the instant is over. So the census holds this lock alone
 * while the group is frozen by it; who pauses or resumes takes it for that; and who asks whether a
 * group is frozen, and sees that it is, waits until nobody holds it alone.
 *
 * It is a lock of one byte, that of the group's inode, of the file cgroup.procs of the group above: a
 * container sees nothing above its own group, so it cannot hold up those who measure or pause it,
 * whatever it does to files that it may write. Only who may write that file can lock.
 * LIMIT: who may write the group itself but not the one above (a group that was handed over to a
 * user) pauses without a lock, and a census in that very instant undoes it.
 * One that is stopped while it holds it keeps nobody for ever: what has to be done is done then.
 */
#ifndef CGROUP_FREEZE_LOCK_H
#define CGROUP_FREEZE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/own.h"

/* Longer than any census holds it. */
#define FREEZE_LOCK_TIMEOUT_MS 2000

struct freeze_lock {
	int fd; /* -1: none */
	uint64_t group;
};

#define FREEZE_LOCK_NONE ((struct freeze_lock){ .fd = -1 })

/* 0, or -errno. */
int freeze_lock_open(int group, struct freeze_lock *ret);
void freeze_lock_done(struct freeze_lock *l); /* drops it, too */
DEFINE_AUTO(freeze_lock, freeze_lock_done)

/* Without waiting: 0, -EWOULDBLOCK, or -errno. One that is held already is changed. */
int freeze_lock_try(const struct freeze_lock *l, bool alone);
void freeze_lock_drop(const struct freeze_lock *l);

/* Waits until it has it: 0, -ETIMEDOUT, or -errno. */
int freeze_lock_take(const struct freeze_lock *l, bool alone, int timeout_ms);

#endif
