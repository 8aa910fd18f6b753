/*
 * The process that freezes groups for an instant, and thaws them whatever happens to the one who
 * reads meanwhile.
 *
 * It is a fork of the reader (frost.h) in a session of its own, takes no signals that it can refuse,
 * and holds nothing but fds of the groups and a socket to the reader. It alone freezes and thaws;
 * the reader waits for 'f', reads, sends a byte and waits for 't'. When that socket has no other end
 * any more, or a container has stood still for as long as it may, it thaws at once and goes. What it
 * does is written down in memory of all before it is done: so a witness (witness.h) can thaw if the
 * guardian is killed.
 */
#ifndef CGROUP_GUARDIAN_H
#define CGROUP_GUARDIAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroup/freeze_lock.h"

enum guarded_state {
	GUARDED_LEFT,	/* runs: not ours to freeze, busy, gone, or did not freeze in time */
	GUARDED_BEFORE, /* was frozen already, by its user */
	GUARDED_MADE,	/* frozen by us, or is about to be */
};

struct guarded {
	dev_t dev;
	ino_t ino;  /* by these two no group is here twice; sorted, so that locks are */
	int group;  /* its directory */
	int freeze; /* the guardian's own, as the lock */
	struct freeze_lock lock;
	_Atomic int state;
	uint64_t since;
};

/* Memory of the three. */
struct guard {
	_Atomic uint64_t bytes;	 /* of the set, read so far: what it may take goes by them */
	_Atomic uint64_t spared; /* nanoseconds: 0, or the longest that any has stood still */
	_Atomic uint64_t began;	 /* when the first was frozen; 0: none is yet */
	atomic_bool early;	 /* thawed before the reader had done */
	atomic_bool thawed;	 /* there is nothing left to do for anybody */
	size_t n;
	struct guarded groups[];
};

/* What a container may stand still, by the bytes of the set. */
uint64_t guardian_patience(uint64_t bytes);

/* Of that, how long it may take until all are frozen; and how long one of so many processes takes. */
uint64_t guardian_freeze_patience(uint64_t bytes);
uint64_t guardian_price(size_t n_processes);

/* Nanoseconds of the clock that all of these times are of. */
uint64_t guardian_now(void);

/* A process of its own, of that name, without other fds. */
void guardian_settle(const char *name, const int *keep, size_t n_keep);

/*
 * Its whole life; it begins when the reader says 'g', for then there is a witness. `keep`: fds that
 * stay open, sorted; one of them is the socket.
 */
_Noreturn void guardian_run(struct guard *g, int reader, const int *keep, size_t n_keep);

#endif
