/* What a reaper waits for, and whom it has reaped unknown. */
#include "cmd/reaper/reaper.h"

#include <sys/epoll.h>

#include "cmd/reaper/visitor.h"

enum { ORPHANS = 1024 }; /* that are remembered at a time: the oldest is forgotten */

static struct orphan {
	pid_t pid; /* 0: none */
	int status;
} orphans[ORPHANS];
static unsigned n_orphans; /* that ever were, since the last time there were none */

int reaper_wait_for(const struct reaper *r, struct source *s)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = s };

	return epoll_ctl(r->epoll, EPOLL_CTL_ADD, s->fd, &event) < 0 ? -errno : 0;
}

void reaper_leave(const struct reaper *r, struct source *s)
{
	if (s->fd >= 0)
		epoll_ctl(r->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	own_close(&s->fd);
	s->fd = -1;
}

void reaper_remember(const struct reaper *r, pid_t pid, int status)
{
	if (visitors_hand(r))
		orphans[n_orphans++ % ORPHANS] = (struct orphan){ pid, status };
}

/* Numbers are used again: the newest counts. */
bool reaper_recall(pid_t pid, int *ret_status)
{
	unsigned n = n_orphans < ORPHANS ? n_orphans : ORPHANS;

	for (unsigned i = n_orphans; i > n_orphans - n; i--) {
		struct orphan *o = &orphans[(i - 1) % ORPHANS];
		if (o->pid != pid)
			continue;
		*ret_status = o->status;
		o->pid = 0;
		return true;
	}
	return false;
}

void reaper_forget(void)
{
	n_orphans = 0;
}
