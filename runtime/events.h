/*
 * What happens in a container, to be waited for: processes killed for want of memory, and its end.
 */
#ifndef RUNTIME_EVENTS_H
#define RUNTIME_EVENTS_H

#include "cgroup/cgroup.h"
#include "runtime/record.h"
#include "spec/stats.h"

struct events {
	struct cgroup group;
	int life, memory; /* cgroup.events, and memory.events or -1: the host has none */
	uint64_t oom_kills;
};

#define EVENTS_NONE                                                                                \
	{                                                                                          \
		.group = { .fd = -1 }, .life = -1, .memory = -1                                    \
	}

enum event { EVENT_NONE, EVENT_OOM, EVENT_END };

/* Of a container that is not stopped, and has a cgroup: -ERR_NOT_RUNNING. */
int events_open(const struct home *h, const char *id, struct events *ret, struct err *e);
void events_done(struct events *ev);
DEFINE_AUTO(events, events_done)

/*
 * Waits for the next event, timeout_ms at most: then EVENT_NONE. Kills that come together are one
 * event. The end comes when nobody lives in the container's cgroup any more, and last.
 */
int events_wait(struct events *ev, int timeout_ms, enum event *ret, struct err *e);

#endif
