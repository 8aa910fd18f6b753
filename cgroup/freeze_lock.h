/*
 * Who may freeze a group, and thaw it, right now.
 *
 * A census freezes groups for an instant (frost.h). Nobody shall take that for a pause, nor shall a
 * pause that is made meanwhile be lost when the instant is over. So the census holds this lock alone
 * while the group is frozen by it; who pauses or resumes takes it for that; and who asks whether a
 * group is frozen, and sees that it is, waits until nobody holds it alone.
 *
 * It is a lock (flock) of the group's file cgroup.kill, which only they can open who may do what
 * they like with the group anyway. Some of these may live in it, and never let it go: so nobody
 * waits for ever, and what has to be done is done then.
 */
#ifndef CGROUP_FREEZE_LOCK_H
#define CGROUP_FREEZE_LOCK_H

#include <stdbool.h>

/* Longer than any census holds it. */
#define FREEZE_LOCK_TIMEOUT_MS 2000

/* Its fd, which the caller closes, or -errno. */
int freeze_lock_open(int group);

/* Without waiting: 0, -EWOULDBLOCK, or -errno. One that is held already is changed. */
int freeze_lock_try(int lock, bool alone);
void freeze_lock_drop(int lock);

/* Waits until it has it: 0, -ETIMEDOUT, or -errno. */
int freeze_lock_take(int lock, bool alone, int timeout_ms);

#endif
