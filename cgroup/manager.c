/* systemd, asked through cowrun-systemd. */
#include "cgroup/manager.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cgroup/property.h"
#include "spec/base/libexec.h"
#include "spec/base/log.h"
#include "spec/base/str.h"

extern char **environ; /* where the bus is */

static int spawn(int theirs, pid_t *ret, struct err *e)
{
	static char name[] = MANAGER_PROGRAM;
	static char *const argv[] = { name, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	char path[4096];
	int r = libexec_find(MANAGER_PROGRAM, path, e);

	if (r < 0)
		return r;
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, theirs, STDIN_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	int code = posix_spawn(ret, path, &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return code ? err_set(e, code, "execute '%s'", path) : 0;
}

/* "ok REST", or the error that it has. */
static int hear(const struct manager *m, char *text, size_t size, char **ret_rest, struct err *e)
{
	ssize_t n;
	char *end;

	while ((n = recv(m->socket, text, size - 1, 0)) < 0)
		if (errno != EINTR)
			return err_set(e, errno, "hear from '" MANAGER_PROGRAM "'");
	text[n] = '\0';
	log_debug(MANAGER_PROGRAM ": %s", n ? text : "has ended");
	if (str_starts(text, "ok ")) {
		*ret_rest = text + 3;
		return 0;
	}
	long code = str_starts(text, "error ") ? strtol(text + 6, &end, 10) : 0;
	if (code <= 0)
		return err_say(e, EPROTO, "the program '" MANAGER_PROGRAM "' ended without a word");
	return err_say(e, (int)code, "%s", end + (*end == ' '));
}

static int say(const struct manager *m, const char *text, size_t n, struct err *e)
{
	/* One that is gone has said why, or will be found silent. */
	if (send(m->socket, text, n, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return err_set(e, errno, "ask '" MANAGER_PROGRAM "'");
	return 0;
}

/* One request, and its answer. */
static int ask(struct manager *m, const struct str *request, char **ret_rest, struct err *e)
{
	char text[MANAGER_ANSWER_MAX], *rest = text;
	int ends[2];

	if (!str_ok(request))
		return err_set(e, ENOMEM, "ask systemd");
	if (request->len >= MANAGER_PACKET_MAX)
		return err_say(e, E2BIG, "ask systemd: properties of more than %d bytes",
			MANAGER_PACKET_MAX);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(e, errno, "make a socket for '" MANAGER_PROGRAM "'");
	m->socket = ends[0];
	log_debug(MANAGER_PROGRAM " is asked: %s", request->data);
	int r = spawn(ends[1], &m->pid, e);
	close(ends[1]);
	if (r == 0)
		r = say(m, request->data, request->len, e);
	if (r == 0)
		r = hear(m, text, sizeof(text), &rest, e);
	if (r != 0 || !ret_rest)
		return r;
	*ret_rest = strdup(rest);
	return *ret_rest ? 0 : err_set(e, ENOMEM, "ask systemd");
}

static void begin(struct str *request, const char *verb, const struct unit *u)
{
	str_addf(request, "%s %s %s\n", verb, u->of_user ? "user" : "system", u->name);
}

int manager_start(const struct unit *u, const char *properties, const char *settled,
	struct manager *ret, char **ret_path, struct err *e)
{
	automatic(manager) struct manager m = MANAGER_NONE;
	automatic(str) struct str request = { 0 };

	begin(&request, "start", u);
	property_add(&request, 0, "Slice", "s", u->slice);
	str_add(&request, properties);
	str_add(&request, "settled\n");
	str_add(&request, settled);
	int r = ask(&m, &request, ret_path, e);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct manager)MANAGER_NONE;
	return 0;
}

int manager_settle(struct manager *m, struct err *e)
{
	char text[MANAGER_ANSWER_MAX], *path;
	int r = say(m, "settled", strlen("settled"), e);

	if (r == 0)
		r = hear(m, text, sizeof(text), &path, e);
	manager_done(m);
	return r;
}

void manager_done(struct manager *m)
{
	siginfo_t ignored;

	own_close(&m->socket);
	if (m->pid > 0)
		waitid(P_PID, (id_t)m->pid, &ignored, WEXITED);
	*m = (struct manager)MANAGER_NONE;
}

int manager_set(const struct unit *u, const char *properties, struct err *e)
{
	automatic(manager) struct manager m = MANAGER_NONE;
	automatic(str) struct str request = { 0 };

	begin(&request, "set", u);
	str_add(&request, properties);
	return ask(&m, &request, NULL, e);
}

int manager_stop(const struct unit *u, struct err *e)
{
	automatic(manager) struct manager m = MANAGER_NONE;
	automatic(str) struct str request = { 0 };

	begin(&request, "stop", u);
	return ask(&m, &request, NULL, e);
}
