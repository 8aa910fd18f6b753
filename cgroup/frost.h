/*
 * Groups that stand still for an instant, so that what is read of their processes is of one moment.
 *
 *	frost_begin() → frost_read() as reading goes on → frost_end() → frost_held() → frost_done()
 *
 * A guardian (guardian.h) freezes and thaws them: they run again when we are killed or stopped in the
 * middle, and when we take too long. A witness (witness.h) thaws them when the guardian is killed
 * or stopped; and when both are killed, we do, as reading goes on. What is frozen already was paused by its user and stays so.
 * Never frozen are the groups that we, or the processes that started us, live in, and the root.
 * Nor are more groups, or processes in one, than can be frozen in the time that a set of that size
 * has. Failing to freeze is no error: frost_held() tells of each whether it stood still all the time.
 *
 * Who asks meanwhile whether such a container is paused waits until it is known (freeze_lock.h).
 * LIMIT: other engines do not know that lock: their `pause` in that very instant is undone, and
 * their `exec` may be refused as if it were paused.
 * LIMIT: only in the first pid namespace, since a guardian dies with any other; and a host that is
 * out of memory may have all of us killed.
 */
#ifndef CGROUP_FROST_H
#define CGROUP_FROST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

struct guard;

struct frost {
	struct guard *guard; /* memory of the three; NULL: nothing is frozen */
	size_t guard_size;
	size_t *places; /* of each group, in the guard; SIZE_MAX: none */
	size_t n;
	int guardian, witness; /* their pidfds; -1: none */
	int socket;	       /* our end of the guardian's */
	bool thawed;
};

#define FROST_NONE ((struct frost){ .guardian = -1, .witness = -1, .socket = -1 })

/*
 * Freezes those of the n groups (fds of directories, -1: none) that can be, and returns when they
 * stand still. `bytes`: what the set is expected to hold, for the time that it may take; 0: nobody
 * knows. Fails only for want of memory or of processes, and then nothing is frozen.
 */
int frost_begin(const int *groups, size_t n, uint64_t bytes, struct frost *ret, struct err *e);

/*
 * So much of the set has been read by now: it may take the longer. To be called often: it looks
 * whether there is a guardian yet.
 */
void frost_read(struct frost *f, uint64_t bytes);

/* They run again when it returns. */
void frost_end(struct frost *f);

/* After frost_end(): groups[i] was frozen from frost_begin() to frost_end(). */
bool frost_held(const struct frost *f, size_t i);

/* How many did stand still, by us, and how long the longest of them. */
size_t frost_count(const struct frost *f, uint64_t *ret_ns);

void frost_done(struct frost *f);
DEFINE_AUTO(frost, frost_done)

#endif
