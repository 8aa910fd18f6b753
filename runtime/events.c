/* What happens in a container. */
#include "runtime/events.h"

#include <errno.h>
#include <poll.h>

#include "cgroup/knob.h"
#include "cgroup/watch.h"
#include "runtime/container.h"

int events_open(const struct home *h, const char *id, struct events *ret, struct err *e)
{
	automatic(record) struct record record = { 0 };
	automatic(events) struct events ev = EVENTS_NONE;
	struct err ignored;
	int r = record_read(h, id, &record, e);

	if (r < 0)
		return r;
	enum state_status status = container_status(h, &record);
	if (status == STATE_STOPPED || status == STATE_CREATING)
		return err_say(e, ERR_NOT_RUNNING, "container not running: '%s': %s", id,
			enum_name_of(state_status_names, (int)status));
	if (container_cgroup(&record, &ev.group) < 0)
		return err_say(
			e, ERR_NOT_RUNNING, "cannot watch container '%s': it has no cgroup", id);
	r = watch_open(ev.group.fd, "cgroup.events", &ev.life, e);
	if (r < 0)
		return r;
	if (watch_open(ev.group.fd, "memory.events", &ev.memory, &ignored) == 0)
		watch_value(ev.memory, "oom_kill", &ev.oom_kills);
	*ret = ev;
	ev = (struct events)EVENTS_NONE;
	return 0;
}

void events_done(struct events *ev)
{
	cgroup_done(&ev->group);
	own_close(&ev->life);
	own_close(&ev->memory);
	*ev = (struct events)EVENTS_NONE;
}

/* Reading is what makes the files silent until they change again. */
static int look(struct events *ev, enum event *ret)
{
	uint64_t populated = 0, kills = ev->oom_kills;
	int r = watch_value(ev->life, "populated", &populated);

	if (ev->memory >= 0)
		watch_value(ev->memory, "oom_kill", &kills);
	if (kills > ev->oom_kills)
		*ret = EVENT_OOM;
	else if (knob_is_gone(r) || (r == 0 && !populated))
		*ret = EVENT_END;
	else
		*ret = EVENT_NONE;
	ev->oom_kills = kills;
	return r < 0 && !knob_is_gone(r) ? r : 0;
}

int events_wait(struct events *ev, int timeout_ms, enum event *ret, struct err *e)
{
	struct pollfd fds[] = { { .fd = ev->life, .events = POLLPRI },
		{ .fd = ev->memory, .events = POLLPRI } };
	int r = look(ev, ret);

	if (r == 0 && *ret == EVENT_NONE && timeout_ms) {
		r = poll(fds, 2, timeout_ms) < 0 && errno != EINTR ? -errno : 0;
		if (r == 0)
			r = look(ev, ret);
	}
	return r < 0 ? err_set(e, -r, "watch the cgroup") : 0;
}
