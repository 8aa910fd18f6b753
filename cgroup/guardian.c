/*
 * A guardian's life: lock, freeze, wait until they are frozen, stand by, thaw.
 *
 * At every wait it also waits for the reader's end of the socket: what comes from there, or that
 * nothing can come any more, ends it by the same thaw.
 */
#include "cgroup/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cgroup/freeze_lock.h"
#include "cgroup/watch.h"
#include "spec/base/own.h"

#define MS UINT64_C(1000000)

/* A container stands still for 20 ms and 1 ms for each 16 MiB at most; that leaves 4 ms to thaw. */
#define STILL_NS (16 * MS)
#define STILL_MAX_NS (1500 * MS) /* whatever the size: below what others wait for the lock */
#define FREEZE_NS (10 * MS)	 /* of these, until all have to be frozen */
#define GROUP_NS 10000		 /* measured: 17 us for each of 1000 groups of a process, */
#define PROCESS_NS 10000	 /* and 4 to 10 for each process of a group of 3000 */
#define LOCK_NS (200 * MS)	 /* nothing is frozen yet */

uint64_t guardian_patience(uint64_t bytes)
{
	uint64_t ns = STILL_NS + bytes / 16 * MS / (1 << 20);

	return ns < STILL_MAX_NS ? ns : STILL_MAX_NS;
}

uint64_t guardian_freeze_patience(uint64_t bytes)
{
	return FREEZE_NS + (guardian_patience(bytes) - STILL_NS) / 2;
}

uint64_t guardian_price(size_t n_processes)
{
	return GROUP_NS + n_processes * PROCESS_NS;
}

uint64_t guardian_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

enum waited { WAITED_READER, WAITED_EVENT, WAITED_TIME };

/* Until the reader wants something or is gone, `events` (-1: none) has news, or it is that late. */
static enum waited wait_until(int reader, int events, uint64_t until)
{
	struct pollfd fds[] = { { .fd = reader, .events = POLLIN },
		{ .fd = events, .events = POLLPRI } };

	for (;;) {
		uint64_t now = guardian_now(), left = until > now ? until - now : 0;
		struct timespec timeout = { (time_t)(left / (1000 * MS)),
			(long)(left % (1000 * MS)) };
		if (ppoll(fds, 2, &timeout, NULL) < 0 && errno == EINTR)
			continue;
		if (fds[0].revents)
			return WAITED_READER;
		if (fds[1].revents)
			return WAITED_EVENT;
		if (!left)
			return WAITED_TIME;
	}
}

/* --- before ---------------------------------------------------------------------------------- */

static void open_group(struct guarded *c)
{
	c->freeze = openat(c->group, "cgroup.freeze", O_RDWR | O_CLOEXEC);
	/* What cannot be locked is not frozen either. */
	bool is_ours = c->freeze >= 0 && freeze_lock_open(c->group, &c->lock) == 0;
	c->state = is_ours ? GUARDED_BEFORE : GUARDED_LEFT;
}

/*
 * All locks, in one order for all censuses. False when there is no reader any more. A group whose
 * lock somebody does not give up is left out.
 */
static bool lock_all(struct guard *g, int reader)
{
	uint64_t end = guardian_now() + LOCK_NS;

	for (size_t i = 0; i < g->n; i++) {
		struct guarded *c = &g->groups[i];
		int r = c->state == GUARDED_LEFT ? 0 : freeze_lock_try(&c->lock, true);
		while (r == -EWOULDBLOCK && guardian_now() < end) {
			if (wait_until(reader, -1, guardian_now() + MS) == WAITED_READER)
				return false;
			r = freeze_lock_try(&c->lock, true);
		}
		if (r < 0)
			c->state = GUARDED_LEFT;
	}
	return true;
}

/* --- the instant ------------------------------------------------------------------------------- */

static void leave(struct guarded *c)
{
	if (c->state == GUARDED_MADE && pwrite(c->freeze, "0", 1, 0) < 0)
		errno = 0; /* it is gone */
	c->state = GUARDED_LEFT;
	freeze_lock_drop(&c->lock);
}

static void freeze(struct guarded *c)
{
	char was = 0;

	if (c->state == GUARDED_LEFT)
		return;
	if (pread(c->freeze, &was, 1, 0) != 1) {
		leave(c);
	} else if (was == '1') {
		/* Whoever asks is told that it is paused, and who wants to thaw it waits. */
		if (freeze_lock_try(&c->lock, false) < 0)
			leave(c);
	} else {
		c->since = guardian_now();
		c->state = GUARDED_MADE;
		if (pwrite(c->freeze, "1", 1, 0) != 1)
			leave(c);
	}
}

/* One that waits in the kernel does not freeze: the others shall not wait for it. */
static enum waited confirm(struct guarded *c, int reader, uint64_t end)
{
	autofd int events = openat(c->group, "cgroup.events", O_RDONLY | O_CLOEXEC);
	enum waited w = WAITED_EVENT;

	for (;;) {
		uint64_t frozen = 0;
		int r = watch_value(events, "frozen", &frozen);
		if (r == 0 && frozen)
			return WAITED_EVENT;
		if (r < 0 || w != WAITED_EVENT) {
			leave(c);
			return w;
		}
		w = wait_until(reader, events, end);
	}
}

static bool confirm_all(struct guard *g, int reader, uint64_t end)
{
	for (size_t i = 0; i < g->n; i++) {
		struct guarded *c = &g->groups[i];
		if (c->state != GUARDED_LEFT && confirm(c, reader, end) == WAITED_READER)
			return false;
	}
	return true;
}

/* Stands by until the reader has done, has gone, or has taken too long. */
static void stand_by(struct guard *g, int reader, uint64_t began)
{
	enum waited w = WAITED_TIME;

	for (uint64_t end; w == WAITED_TIME;) {
		end = began + guardian_patience(g->bytes);
		if (guardian_now() >= end) {
			g->early = true;
			return;
		}
		w = wait_until(reader, -1, end);
	}
}

/*
 * How long it has stood still by us. One that somebody else has thawed meanwhile did not; its state
 * tells the reader.
 */
static uint64_t thaw(struct guarded *c)
{
	bool made = c->state == GUARDED_MADE;
	char is = 0;

	if (pread(c->freeze, &is, 1, 0) != 1 || is != '1')
		c->state = GUARDED_LEFT;
	else if (made && pwrite(c->freeze, "0", 1, 0) != 1)
		made = false;
	return made ? guardian_now() - c->since : 0;
}

static void thaw_all(struct guard *g)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < g->n; i++) {
		struct guarded *c = &g->groups[i];
		if (c->state == GUARDED_LEFT)
			continue;
		uint64_t still = thaw(c);
		longest = still > longest ? still : longest;
	}
	g->spared = longest;
	g->thawed = true;
	for (size_t i = 0; i < g->n; i++)
		freeze_lock_drop(&g->groups[i].lock);
}

/* --- its life ---------------------------------------------------------------------------------- */

static void close_others(const int *keep, size_t n_keep)
{
	unsigned next = 0;

	for (size_t i = 0; i < n_keep; i++) {
		if ((unsigned)keep[i] > next)
			close_range(next, (unsigned)keep[i] - 1, 0);
		next = (unsigned)keep[i] + 1;
	}
	close_range(next, ~0U, 0);
}

void guardian_settle(const char *name, const int *keep, size_t n_keep)
{
	struct rlimit files;

	setsid();
	prctl(PR_SET_NAME, name);
	close_others(keep, n_keep);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	/* So that it thaws in time where others want the processors too; where it may. */
	setpriority(PRIO_PROCESS, 0, -20);
}

static void tell(int reader, char what)
{
	send(reader, &what, 1, MSG_NOSIGNAL);
}

_Noreturn void guardian_run(struct guard *g, int reader, const int *keep, size_t n_keep)
{
	char said = 0;

	guardian_settle("cow-guardian", keep, n_keep);
	for (size_t i = 0; i < g->n; i++)
		open_group(&g->groups[i]);
	if (read(reader, &said, 1) != 1 || said != 'g' || !lock_all(g, reader))
		_exit(0);
	uint64_t began = guardian_now();
	g->began = began;
	for (size_t i = 0; i < g->n; i++)
		freeze(&g->groups[i]);
	if (confirm_all(g, reader, began + guardian_freeze_patience(g->bytes))) {
		tell(reader, 'f');
		stand_by(g, reader, began);
	}
	thaw_all(g);
	tell(reader, 't');
	_exit(0);
}
