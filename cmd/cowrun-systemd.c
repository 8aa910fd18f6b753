/*
 * cowrun-systemd: speaks with systemd for cowrun, which starts it (cgroup/manager.h has their talk).
 *
 * The only program that has libsystemd. It asks for one unit, and ends.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "cgroup/manager.h"
#include "spec/base/str.h"

#define SERVICE "org.freedesktop.systemd1"
#define PLACE "/org/freedesktop/systemd1"
#define MANAGER SERVICE ".Manager"
#define SOCKET STDIN_FILENO
#define JOB_TIMEOUT_USEC (30 * 1000 * 1000) /* runc's and crun's callers wait that long too */
#define STALE_TRIES 50
#define STALE_PAUSE_USEC 20000

struct request {
	char verb[8], manager[8], unit[UNIT_NAME_MAX];
	char *properties, *settled; /* lines, in the packet; settled: "" when there are none */
	bool of_user;
};

struct talk {
	sd_bus *bus;
	bool is_bus; /* else we are connected to systemd directly */
	unsigned version;
	char *job; /* the one that we wait for */
	char *result;
};

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
static int refused(
	struct err *e, const sd_bus_error *said, int r, const char *what, const char *unit)
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

/* --- properties ------------------------------------------------------------------------------ */

static int append_number(sd_bus_message *m, char type, const char *text)
{
	bool negative = *text == '-';
	uint64_t n = negative ? (uint64_t)strtoll(text, NULL, 10) : strtoull(text, NULL, 10);
	double d = strtod(text, NULL);
	/* As wide as the type. Both byte orders: the copy is of a variable of that very width. */
	uint8_t n8 = (uint8_t)n;
	uint16_t n16 = (uint16_t)n;
	uint32_t n32 = (uint32_t)n;
	int truth = strcmp(text, "true") == 0;

	switch (type) {
	case 'b':
		return sd_bus_message_append_basic(m, type, &truth);
	case 'y':
		return sd_bus_message_append_basic(m, type, &n8);
	case 'n':
	case 'q':
		return sd_bus_message_append_basic(m, type, &n16);
	case 'i':
	case 'u':
		return sd_bus_message_append_basic(m, type, &n32);
	case 'x':
	case 't':
		return sd_bus_message_append_basic(m, type, &n);
	case 'd':
		return sd_bus_message_append_basic(m, type, &d);
	default:
		return -EINVAL;
	}
}

static int append_single(sd_bus_message *m, char type, const char *text)
{
	return type == 's' ? sd_bus_message_append_basic(m, type, text)
			   : append_number(m, type, text);
}

/* Hexadecimal: cowrun's own, so two digits for each byte. */
static int append_bits(sd_bus_message *m, const char *text)
{
	uint8_t bytes[1024];
	size_t n = 0;

	for (; text[0] && text[1] && n < sizeof(bytes); text += 2, n++) {
		const char digits[] = { text[0], text[1], '\0' };
		bytes[n] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return sd_bus_message_append_array(m, 'y', bytes, n);
}

static int append_list(sd_bus_message *m, const char *type, char *text)
{
	int r = sd_bus_message_open_container(m, 'a', type);

	while (r >= 0 && *text == '\t') {
		char *next = text + 1 + strcspn(text + 1, "\t"), end = *next;
		*next = '\0';
		r = append_single(m, *type, text + 1);
		*next = end;
		text = next;
	}
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_property(sd_bus_message *m, const char *name, const char *type, char *value)
{
	int r = sd_bus_message_open_container(m, 'r', "sv");

	if (r >= 0)
		r = sd_bus_message_append_basic(m, 's', name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', type);
	if (r >= 0 && strcmp(type, "ay") == 0 && *value != '\t')
		r = append_bits(m, value);
	else if (r >= 0 && *type == 'a')
		r = append_list(m, type + 1, value);
	else if (r >= 0)
		r = append_single(m, *type, value);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Lines of property.h, without those that this systemd is too old for. */
static int append_lines(sd_bus_message *m, const struct talk *t, const char *lines)
{
	int r = 0;

	for (const char *line = lines; r >= 0 && *line;) {
		size_t n = strcspn(line, "\n");
		autofree char *one = strndup(line, n);
		unsigned since;
		char name[64], type[8];
		int at = 0;
		line += n + (line[n] == '\n');
		if (!one || sscanf(one, "%u %63s %7s%n", &since, name, type, &at) != 3 || !at)
			return one ? -EINVAL : -ENOMEM;
		if (since <= t->version)
			r = append_property(m, name, type, one + at + (one[at] == ' '));
	}
	return r;
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
static int watch_jobs(struct talk *t, const char *unit)
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

/* The job that `reply` names: 0 when it was done. */
static int await_job(
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
	while (!t->result) {
		r = sd_bus_process(t->bus, NULL);
		int ready = r == 0 ? sd_bus_wait(t->bus, JOB_TIMEOUT_USEC) : 1;
		if (r < 0 || ready <= 0)
			return err_set(e,
				r < 0	? -r
				: ready ? -ready
					: ETIMEDOUT,
				"systemd: %s '%s'", what, unit);
	}
	return strcmp(t->result, "done") == 0
		       ? 0
		       : err_say(e, EIO, "systemd: %s '%s': the job ended as '%s'", what, unit,
				 t->result);
}

static void reset_failed(struct talk *t, const char *unit)
{
	sd_bus_call_method(
		t->bus, SERVICE, PLACE, MANAGER, "ResetFailedUnit", NULL, NULL, "s", unit);
}

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
		r = refused(e, &said, r, "ask for the cgroup of", unit);
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
		r = append_lines(m, t, q->properties);
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
		r = append_lines(m, t, lines);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd_bus_call(t->bus, m, 0, &said, NULL);
	if (r < 0)
		r = refused(e, &said, r, "set properties of", unit);
	sd_bus_error_free(&said);
	sd_bus_message_unref(m);
	return r < 0 ? r : 0;
}

static int start_unit(struct talk *t, const struct request *q, pid_t keeper, struct err *e)
{
	sd_bus_error said = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int r = watch_jobs(t, q->unit);

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
		r = refused(e, &said, r, "start", q->unit);
	else
		r = await_job(t, reply, "start", q->unit, e);
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
	int r = watch_jobs(t, q->unit);

	if (r >= 0)
		r = sd_bus_call_method(t->bus, SERVICE, PLACE, MANAGER, "StopUnit", &said, &reply,
			"ss", q->unit, "replace");
	if (r >= 0)
		r = await_job(t, reply, "stop", q->unit, e);
	else
		r = sd_bus_error_has_name(&said, SERVICE ".NoSuchUnit")
			    ? 0
			    : refused(e, &said, r, "stop", q->unit);
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
	struct talk t = { 0 };
	int r = q->of_user ? connect_user(&t, e) : connect_system(&t, e);

	if (r < 0)
		return r;
	ask_version(&t);
	r = err_say(e, EPROTO, "the request is not understood: '%s'", q->verb);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, q->verb) == 0)
			r = verbs[i].perform(&t, q, e);
	free(t.job);
	free(t.result);
	sd_bus_flush_close_unref(t.bus);
	return r;
}

int main(void)
{
	static char packet[MANAGER_PACKET_MAX];
	struct request q;
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
