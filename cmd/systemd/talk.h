/*
 * What cowrun-systemd and systemd say to each other: libsystemd's sd-bus, for one unit and one job at
 * a time. Functions return 0 or, with the error set, a negative code; sd_bus_* of libsystemd -errno.
 */
#ifndef CMD_SYSTEMD_TALK_H
#define CMD_SYSTEMD_TALK_H

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

#define SERVICE "org.freedesktop.systemd1"
#define PLACE "/org/freedesktop/systemd1"
#define MANAGER SERVICE ".Manager"

struct talk {
	sd_bus *bus;
	bool is_bus;	  /* else we are connected to systemd directly */
	unsigned version; /* of systemd: 252 */
	char *job;	  /* the one that we wait for */
	char *result;	  /* how it ended: "done" */
};

/* With this host's systemd, or the user's own: -ENOTCONN says where it was looked for. */
int talk_begin(struct talk *t, bool of_user, struct err *e);
void talk_done(struct talk *t);
DEFINE_AUTO(talk, talk_done)

/* Before a job is asked for, so that its end is not missed. -errno. */
int talk_watch_jobs(struct talk *t, const char *unit);

/* The job that `reply` names: 0 when it was done. `what` is done with the unit: "start". */
int talk_await_job(
	struct talk *t, sd_bus_message *reply, const char *what, const char *unit, struct err *e);

/* Appends lines of property.h, without those that this systemd is too old for. -errno. */
int talk_append(sd_bus_message *m, const struct talk *t, const char *lines);

/* The error of a call that systemd refused: -EEXIST when it has such a unit, else -EIO. */
int talk_refused(
	struct err *e, const sd_bus_error *said, int r, const char *what, const char *unit);

#endif
