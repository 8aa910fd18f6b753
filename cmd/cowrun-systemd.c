/*
 * cowrun-systemd: speaks with systemd for cowrun, which starts it (cgroup/manager.h has their talk).
 *
 * The only program that has libsystemd. It asks for one unit, and ends.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cgroup/manager.h"
#include "cmd/systemd/talk.h"
#include "spec/base/str.h"

#define SOCKET STDIN_FILENO
#define STALE_TRIES 50
#define STALE_PAUSE_USEC 20000

struct request {
	char verb[8], manager[8], unit[UNIT_NAME_MAX];
	char *properties, *settled; /* lines, in the packet; settled: "" when there are none */
	bool of_user;
};

/* --- the keeper ------------------------------------------------------------------------------ */

/* A process that does nothing, until we or our end kill it. */
static pid_t keep(void)
{
	pid_t us = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_NAME, "cowrun-keeper");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == us)
		pause();
	_exit(0);
}

static void release(pid_t keeper)
{
	siginfo_t ignored;

	kill(keeper, SIGKILL);
	waitid(P_PID, (id_t)keeper, &ignored, WEXITED);
}

/* --- the verbs ------------------------------------------------------------------------------- */

static void reset_failed(struct talk *t, const char *unit)
{
	sd_bus_call_method(
		t->bus, SERVICE, PLACE, MANAGER, "ResetFailedUnit", NULL, NULL, "s", unit);
}

static void answer(const char *what, const char *text)
{
	autofree char *line = str_format("%s %s", what, text);

	if (line)
		send(SOCKET, line, strlen(line), MSG_NOSIGNAL);
}

/* The unit's group. Asked behind a change it also tells that systemd has written the change: it does
 * so before it takes the next message. */
static int tell_group(struct talk *t, const char *unit, struct err *e)
{
	sd_bus_error said = SD_BUS_ERROR_NULL;
	autofree char *path = NULL, *group = NULL;
	int r = sd_bus_path_encode(PLACE "/unit", unit, &path);

	if (r >= 0)
		r = sd_bus_get_property_string(
			t->bus, SERVICE, path, SERVICE ".Scope", "ControlGroup", &said, &group);
	if (r >= 0 && !*group)
		r = err_say(e, ESRCH, "systemd: unit '%s' has no cgroup: it has ended", unit);
	else if (r < 0)
		r = talk_refused(e, &said, r, "ask for the cgroup of", unit);
	else
		answer("ok", group);
	sd_bus_error_free(&said);
	return r;
}

static int call_start(struct talk *t, const struct request *q, pid_t keeper, sd_bus_error *said,
	sd_bus_message **ret)
{
	sd_bus_message *m = NULL;
	uint32_t pid = (uint32_t)keeper;
	int r = sd_bus_message_new_method_call(
		t->bus, &m, SERVICE, PLACE, MANAGER, "StartTransientUnit");

	if (r >= 0)
		r = sd_bus_message_append(m, "ss", q->unit, "fail");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sv)");
	if (r >= 0)
		r = talk_append(m, t, q->properties);
	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, pid);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd_bus_call(t->bus, m, 0, said, ret);
	sd_bus_message_unref(m);
	return r;
}

/* One of that name that has failed is only remembered, and one that has just ended is forgotten in a
 * moment; one that lives is somebody's. */
static bool is_stale(struct talk *t, const char *unit)
{
	autofree char *path = NULL, *state = NULL;

	if (sd_bus_path_encode(PLACE "/unit", unit, &path) < 0 ||
		sd_bus_get_property_string(
			t->bus, SERVICE, path, SERVICE ".Unit", "ActiveState", NULL, &state) < 0)
		return false;
	if (strcmp(state, "failed") == 0)
		reset_failed(t, unit);
	return strcmp(state, "active") != 0 && strcmp(state, "activating") != 0;
}

static int set_properties(struct talk *t, const char *unit, const char *lines, struct err *e)
{
	sd_bus_error said = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(
		t->bus, &m, SERVICE, PLACE, MANAGER, "SetUnitProperties");

	/* true: until it ends, and in no file that would outlive it */
	if (r >= 0)
		r = sd_bus_message_append(m, "sb", unit, true);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sv)");
	if (r >= 0)
		r = talk_append(m, t, lines);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd_bus_call(t->bus, m, 0, &said, NULL);
	if (r < 0)
		r = talk_refused(e, &said, r, "set properties of", unit);
	sd_bus_error_free(&said);
	sd_bus_message_unref(m);
	return r < 0 ? r : 0;
}

static int start_unit(struct talk *t, const struct request *q, pid_t keeper, struct err *e)
{
	sd_bus_error said = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int r = talk_watch_jobs(t, q->unit);

	for (int tries = 0; r >= 0; tries++) {
		sd_bus_error_free(&said);
		r = call_start(t, q, keeper, &said, &reply);
		if (r >= 0 || tries == STALE_TRIES ||
			!sd_bus_error_has_name(&said, SERVICE ".UnitExists") ||
			!is_stale(t, q->unit))
			break;
		usleep(STALE_PAUSE_USEC);
		r = 0;
	}
	if (r < 0)
		r = talk_refused(e, &said, r, "start", q->unit);
	else
		r = talk_await_job(t, reply, "start", q->unit, e);
	/* The job may wait still, for units that it comes after: nothing of it shall stay. */
	if (r == -ETIMEDOUT)
		sd_bus_call_method(t->bus, SERVICE, PLACE, MANAGER, "StopUnit", NULL, NULL, "ss",
			q->unit, "replace");
	sd_bus_error_free(&said);
	sd_bus_message_unref(reply);
	return r;
}

static int do_start(struct talk *t, const struct request *q, struct err *e)
{
	char word[16];
	pid_t keeper = keep();

	if (keeper < 0)
		return err_set(e, errno, "make a first process for '%s'", q->unit);
	int r = start_unit(t, q, keeper, e);
	if (r == 0)
		r = tell_group(t, q->unit, e);
	/* "settled"; or nothing, when cowrun is gone: then the scope goes with its keeper. */
	ssize_t n = 0;
	while (r == 0 && (n = recv(SOCKET, word, sizeof(word), 0)) < 0 && errno == EINTR)
		;
	release(keeper);
	if (r < 0 || n <= 0)
		return r;
	if (*q->settled)
		r = set_properties(t, q->unit, q->settled, e);
	if (r == 0 && *q->settled)
		r = tell_group(t, q->unit, e);
	else if (r == 0)
		answer("ok", "");
	return r;
}

static int do_set(struct talk *t, const struct request *q, struct err *e)
{
	int r = set_properties(t, q->unit, q->properties, e);

	return r < 0 ? r : tell_group(t, q->unit, e);
}

static int do_stop(struct talk *t, const struct request *q, struct err *e)
{
	sd_bus_error said = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int r = talk_watch_jobs(t, q->unit);

	if (r >= 0)
		r = sd_bus_call_method(t->bus, SERVICE, PLACE, MANAGER, "StopUnit", &said, &reply,
			"ss", q->unit, "replace");
	if (r >= 0)
		r = talk_await_job(t, reply, "stop", q->unit, e);
	else
		r = sd_bus_error_has_name(&said, SERVICE ".NoSuchUnit")
			    ? 0
			    : talk_refused(e, &said, r, "stop", q->unit);
	sd_bus_error_free(&said);
	sd_bus_message_unref(reply);
	if (r == 0) {
		reset_failed(t, q->unit);
		answer("ok", "");
	}
	return r;
}

static const struct verb {
	const char *name;
	int (*perform)(struct talk *t, const struct request *q, struct err *e);
} verbs[] = {
	{ "start", do_start },
	{ "set", do_set },
	{ "stop", do_stop },
};

/* --- the request ----------------------------------------------------------------------------- */

static int read_request(char *packet, struct request *ret, struct err *e)
{
	struct request q = { 0 };
	int at = 0;

	if (sscanf(packet, "%7s %7s %255s\n%n", q.verb, q.manager, q.unit, &at) != 3 || !at)
		return err_say(e, EPROTO, "the request is not understood");
	q.of_user = strcmp(q.manager, "user") == 0;
	q.properties = packet + at;
	char *settled = strstr(packet, "\nsettled\n");
	q.settled = settled ? settled + strlen("\nsettled\n") : packet + strlen(packet);
	if (settled)
		settled[1] = '\0';
	*ret = q;
	return 0;
}

static int perform(const struct request *q, struct err *e)
{
	automatic(talk) struct talk t = { 0 };
	int r = talk_begin(&t, q->of_user, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, q->verb) == 0)
			return verbs[i].perform(&t, q, e);
	return err_say(e, EPROTO, "the request is not understood: '%s'", q->verb);
}

int main(void)
{
	static char packet[MANAGER_PACKET_MAX];
	struct request q = { 0 };
	struct err e;
	ssize_t n;

	while ((n = recv(SOCKET, packet, sizeof(packet) - 1, 0)) < 0 && errno == EINTR)
		;
	if (n < 0 && errno == ENOTSOCK) {
		fprintf(stderr,
			MANAGER_PROGRAM ": is started by cowrun --cgroup-manager systemd\n");
		return 2;
	}
	if (n <= 0)
		return 1;
	packet[n] = '\0';
	int r = read_request(packet, &q, &e);
	if (r == 0)
		r = perform(&q, &e);
	if (r == 0)
		return 0;
	autofree char *text = str_format("%d %s", e.code, e.text);
	answer("error", text ? text : "12 out of memory");
	return 1;
}
