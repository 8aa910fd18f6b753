/* A witness's life: wait for the guardian's end, and see that it has left nothing behind. */
#include "cgroup/witness.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "cgroup/guardian.h"
#include "cgroup/knob.h"

#define MS UINT64_C(1000000)

#define LOOK_NS (20 * MS)
#define GRACE_NS (100 * MS)   /* what a guardian may be late on a busy machine */
#define BEFORE_NS (2000 * MS) /* nothing is frozen yet */

void witness_thaw(struct guard *g)
{
	if (g->thawed)
		return;
	g->early = true;
	for (size_t i = 0; i < g->n; i++) {
		struct guarded *c = &g->groups[i];
		if (c->state == GUARDED_MADE)
			knob_write(c->group, "cgroup.freeze", "0");
		c->state = GUARDED_LEFT;
	}
	g->thawed = true;
}

static bool is_overdue(const struct guard *g, uint64_t start)
{
	uint64_t began = g->began;
	uint64_t end = began ? began + guardian_patience(g->bytes) + GRACE_NS : start + BEFORE_NS;

	return guardian_now() > end;
}

_Noreturn void witness_run(struct guard *g, int guardian, const int *keep, size_t n_keep)
{
	struct pollfd ended = { .fd = guardian, .events = POLLIN };
	const struct timespec look = { .tv_nsec = LOOK_NS };
	uint64_t start = guardian_now();
	int r = 0;

	guardian_settle("cow-witness", keep, n_keep);
	while (r == 0 || (r < 0 && errno == EINTR)) {
		if (is_overdue(g, start))
			pidfd_send_signal(guardian, SIGKILL, NULL, 0);
		r = ppoll(&ended, 1, &look, NULL);
	}
	witness_thaw(g);
	_exit(0);
}
