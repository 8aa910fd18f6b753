/* The connection with systemd, and its jobs. */
#include "cmd/systemd/talk.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "spec/base/str.h"

#define JOB_TIMEOUT_USEC (30 * 1000 * 1000) /* runc's and crun's callers wait that long too */

/* --- the bus --------------------------------------------------------------------------------- */

/* systemd's own socket, as systemctl does: no bus daemon between. */
static int connect_directly(const char *path, sd_bus **ret)
{
	autofree char *address = str_format("unix:path=%s", path);
	sd_bus *bus = NULL;
	int r = address ? sd_bus_new(&bus) : -ENOMEM;

	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0)
		sd_bus_unref(bus);
	else
		*ret = bus;
	return r;
}

static int connect_system(struct talk *t, struct err *e)
{
	const char *bus = getenv("DBUS_SYSTEM_BUS_ADDRESS");

	if (connect_directly("/run/systemd/private", &t->bus) >= 0)
		return 0;
	t->is_bus = true;
	int r = sd_bus_open_system(&t->bus);
	if (r >= 0)
		return 0;
	return err_say(e, ENOTCONN,
		"systemd is not reached: nobody answers at '/run/systemd/private', nor at the bus '%s' (hint: systemd must be this host's init; without it, --cgroup-manager cgroupfs)",
		bus ? bus : "/run/dbus/system_bus_socket");
}

static int connect_user(struct talk *t, struct err *e)
{
	const char *run = getenv("XDG_RUNTIME_DIR"), *bus = getenv("DBUS_SESSION_BUS_ADDRESS");
	autofree char *path = str_format("%s/systemd/private", run ? run : "");

	if (run && path && connect_directly(path, &t->bus) >= 0)
		return 0;
	t->is_bus = true;
	int r = bus || run ? sd_bus_open_user(&t->bus) : -ENOENT;
	if (r >= 0)
		return 0;
	if (!bus && !run)
		return err_say(e, ENOTCONN,
			"the user's systemd is not reached: neither XDG_RUNTIME_DIR nor DBUS_SESSION_BUS_ADDRESS says where it is (hint: log in, or loginctl enable-linger; without it, --cgroup-manager cgroupfs)");
	return err_say(e, ENOTCONN,
		"the user's systemd is not reached: nobody answers at '%s%s' (hint: log in, or loginctl enable-linger; without it, --cgroup-manager cgroupfs)",
		bus ? bus : run, bus ? "" : "/bus");
}

/* What systemd says of a call that it refused. */
int talk_refused(struct err *e, const sd_bus_error *said, int r, const char *what, const char *unit)
{
	const char *text = said && said->message ? said->message : err_reason(-r);
	int code = sd_bus_error_has_name(said, SERVICE ".UnitExists") ? EEXIST : EIO;

	return err_say(e, code, "systemd: %s '%s': %s", what, unit, text);
}

/* "252.39-1" is 252. What cannot be read knows everything. */
static void ask_version(struct talk *t)
{
	autofree char *text = NULL;

	t->version = UINT32_MAX;
	if (sd_bus_get_property_string(t->bus, SERVICE, PLACE, MANAGER, "Version", NULL, &text) >=
		0)
		sscanf(text + strcspn(text, "0123456789"), "%u", &t->version);
}

int talk_begin(struct talk *t, bool of_user, struct err *e)
{
	int r = of_user ? connect_user(t, e) : connect_system(t, e);

	if (r == 0)
		ask_version(t);
	return r;
}

void talk_done(struct talk *t)
{
	free(t->job);
	free(t->result);
	sd_bus_flush_close_unref(t->bus);
	*t = (struct talk){ 0 };
}

/* --- jobs ------------------------------------------------------------------------------------ */

static int on_message(sd_bus_message *m, void *data, sd_bus_error *ignored)
{
	struct talk *t = data;
	const char *job, *unit, *result;
	uint32_t id;

	(void)ignored;
	if (sd_bus_message_is_signal(m, MANAGER, "JobRemoved") > 0 && t->job && !t->result &&
		sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) >= 0 &&
		strcmp(job, t->job) == 0)
		t->result = strdup(result);
	return 0;
}

/*
 * Before the job is asked for, so that its end is not missed. A bus is asked for this unit's jobs
 * only: a busy host has many others'. (libsystemd's own matching would not find them, since their
 * first argument is no text.) Where we are connected directly, systemd sends everything anyway.
 */
int talk_watch_jobs(struct talk *t, const char *unit)
{
	int r = sd_bus_add_filter(t->bus, NULL, on_message, t);

	if (r < 0 || !t->is_bus)
		return r;
	autofree char *match = str_format("type='signal',sender='" SERVICE "',interface='" MANAGER
					  "',member='JobRemoved',arg2='%s'",
		unit);
	if (!match)
		return -ENOMEM;
	r = sd_bus_call_method_async(t->bus, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus",
		"org.freedesktop.DBus", "AddMatch", NULL, NULL, "s", match);
	/* Without subscribers systemd sends nothing to a bus. */
	if (r >= 0)
		r = sd_bus_call_method_async(
			t->bus, NULL, SERVICE, PLACE, MANAGER, "Subscribe", NULL, NULL, NULL);
	return r;
}

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The job that `reply` names: 0 when it was done. */
int talk_await_job(
	struct talk *t, sd_bus_message *reply, const char *what, const char *unit, struct err *e)
{
	const char *job;
	int r = sd_bus_message_read(reply, "o", &job);

	free(t->job);
	free(t->result);
	t->result = NULL;
	t->job = r < 0 ? NULL : strdup(job);
	if (!t->job)
		return err_say(
			e, EPROTO, "systemd: %s '%s': its answer is not understood", what, unit);
	const uint64_t end = now_usec() + JOB_TIMEOUT_USEC;
	while (!t->result) {
		/* Other units' signals are no reason to wait on. */
		uint64_t now = now_usec();
		if (now >= end)
			return err_say(e, ETIMEDOUT,
				"systemd: %s '%s': its job has not ended after %d s", what, unit,
				JOB_TIMEOUT_USEC / 1000000);
		r = sd_bus_process(t->bus, NULL);
		if (r == 0)
			r = sd_bus_wait(t->bus, end - now);
		if (r < 0)
			return err_set(e, -r, "systemd: %s '%s'", what, unit);
	}
	return strcmp(t->result, "done") == 0
		       ? 0
		       : err_say(e, EIO, "systemd: %s '%s': the job ended as '%s'", what, unit,
				 t->result);
}
