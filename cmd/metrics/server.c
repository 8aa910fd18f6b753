/* Answers scrapes, by libmicrohttpd. */
#include "cmd/metrics/server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/metrics/text.h"
#include "spec/base/clock.h"
#include "spec/base/log.h"

#define CONNECTIONS_MAX 64   /* above it the oldest that has not asked yet is dropped */
#define CONNECTIONS_HARD 256 /* of those that wait for a census as well */
#define REQUEST_BYTES 16384
#define SLOW_MS 10000	/* to ask, and to take the answer */
#define CENSUS_MS 60000 /* then it is killed */
#define REST_TIMES 4
#define PATH "/metrics"

enum client_state {
	CLIENT_ASKS,	 /* its request is not here yet */
	CLIENT_WAITS,	 /* for the census; its connection is suspended */
	CLIENT_ANSWERED, /* takes what it was told */
};

/* A connection: one request, one answer. */
struct client {
	struct client *older, *newer;
	struct MHD_Connection *connection;
	enum client_state state;
	int64_t since_ms;
	bool dropped;
};

struct server {
	const struct listener *listener;
	const struct subject *subject;
	struct MHD_Daemon *daemon;
	struct client *oldest, *newest;
	size_t n_clients;
	bool was_full;
	struct reader reader;
	uint64_t n_censuses;
	int64_t began_ms, next_ms;   /* the census; when another may begin */
	struct MHD_Response *answer; /* of the last one */
	unsigned answer_status;
	int signals, epoll;
	bool ends;
};

/* --- answers --------------------------------------------------------------------------------------- */
static struct MHD_Response *response(
	char *text, size_t n, enum MHD_ResponseMemoryMode mode, const char *type)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(n, text, mode);

	if (r) {
		MHD_add_response_header(r, "Content-Type", type);
		MHD_add_response_header(r, "Connection", "close");
		MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	}
	return r;
}

static enum MHD_Result answer_plain(
	struct MHD_Connection *connection, unsigned status, const char *text)
{
	struct MHD_Response *r = response(
		(char *)text, strlen(text), MHD_RESPMEM_MUST_COPY, "text/plain; charset=utf-8");

	if (!r)
		return MHD_NO;
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	enum MHD_Result done = MHD_queue_response(connection, status, r);
	MHD_destroy_response(r);
	return done;
}

/* What all who wait are told; takes the text. */
static void set_answer(struct server *s, unsigned status, struct str *text, const char *type)
{
	if (s->answer)
		MHD_destroy_response(s->answer);
	s->answer = response(text->data, text->len, MHD_RESPMEM_MUST_FREE, type);
	s->answer_status = status;
	if (s->answer)
		*text = (struct str){ 0 };
}

/* --- clients ---------------------------------------------------------------------------------------- */
static void drop(struct client *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	c->dropped = true;
	if (info)
		shutdown(info->connect_fd, SHUT_RDWR);
}

static void drop_oldest(struct server *s)
{
	for (struct client *c = s->oldest; c; c = c->newer) {
		if (c->state == CLIENT_ASKS && !c->dropped && c != s->newest)
			return drop(c);
	}
}

static void add_client(struct server *s, struct MHD_Connection *connection, void **ret_context)
{
	struct client *c = calloc(1, sizeof(*c));

	*ret_context = c;
	if (!c)
		return;
	*c = (struct client){
		.connection = connection, .since_ms = clock_ms(), .older = s->newest
	};
	*(s->newest ? &s->newest->newer : &s->oldest) = c;
	s->newest = c;
	if (++s->n_clients > CONNECTIONS_MAX)
		drop_oldest(s);
	if (s->n_clients >= CONNECTIONS_HARD)
		s->was_full = true;
}

static void remove_client(struct server *s, struct client *c)
{
	if (!c)
		return;
	*(c->older ? &c->older->newer : &s->oldest) = c->newer;
	*(c->newer ? &c->newer->older : &s->newest) = c->older;
	s->n_clients--;
	free(c);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
	enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		add_client(context, connection, socket_context);
	else
		remove_client(context, *socket_context);
}

/* Those that take too long; when the next of them will have. */
static int64_t drop_slow(struct server *s)
{
	int64_t now = clock_ms(), next = INT64_MAX;

	for (struct client *c = s->oldest; c; c = c->newer) {
		if (c->state == CLIENT_WAITS || c->dropped)
			continue;
		if (now - c->since_ms >= SLOW_MS)
			drop(c);
		else if (c->since_ms + SLOW_MS < next)
			next = c->since_ms + SLOW_MS;
	}
	return next;
}

static void resume_all(struct server *s)
{
	for (struct client *c = s->oldest; c; c = c->newer) {
		if (c->state != CLIENT_WAITS)
			continue;
		c->state = CLIENT_ANSWERED;
		c->since_ms = clock_ms();
		MHD_resume_connection(c->connection);
	}
}

static bool someone_waits(const struct server *s)
{
	for (const struct client *c = s->oldest; c; c = c->newer)
		if (c->state == CLIENT_WAITS)
			return true;
	return false;
}

/* --- the request ------------------------------------------------------------------------------------ */
/* What is wrong with it; 0: nothing. */
static unsigned judge(const struct server *s, struct MHD_Connection *connection, const char *method,
	const char *path, const char **ret_text)
{
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");

	*ret_text = "Only GET and HEAD.\n";
	if (!str_equal(method, MHD_HTTP_METHOD_GET) && !str_equal(method, MHD_HTTP_METHOD_HEAD))
		return MHD_HTTP_METHOD_NOT_ALLOWED;
	*ret_text = "This is another host.\n";
	if (!s->listener->is_unix && !address_is_host(host))
		return MHD_HTTP_FORBIDDEN;
	*ret_text = "The metrics are at " PATH ".\n";
	return str_equal(path, PATH) ? 0 : MHD_HTTP_NOT_FOUND;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
	const char *path, const char *method, const char *version, const char *body, size_t *n_body,
	void **seen)
{
	struct server *s = context;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct client *c = info ? info->socket_context : NULL;
	const char *text;

	(void)version, (void)body;
	if (!c)
		return MHD_NO;
	if (c->state == CLIENT_ANSWERED)
		return s->answer ? MHD_queue_response(connection, s->answer_status, s->answer)
				 : MHD_NO;
	/* First without what follows its headers, for which nobody needs to wait if it is wrong. */
	bool first = !*seen;
	*seen = c;
	unsigned wrong = first ? judge(s, connection, method, path, &text) : 0;
	if (wrong) {
		c->state = CLIENT_ANSWERED;
		c->since_ms = clock_ms();
		return answer_plain(connection, wrong, text);
	}
	if (first)
		return MHD_YES;
	/* Nobody reads a body; and none may wait any more when it ends. */
	if (*n_body || s->ends)
		return MHD_NO;
	c->state = CLIENT_WAITS;
	MHD_suspend_connection(connection);
	return MHD_YES;
}

/* --- the census --------------------------------------------------------------------------------------- */
static void tell_failure(struct server *s, const struct err *e)
{
	automatic(str) struct str text = { 0 };

	log_warn("metrics: %s", e->text);
	str_addf(&text, "%s\n", e->text);
	if (str_ok(&text))
		set_answer(s, MHD_HTTP_INTERNAL_SERVER_ERROR, &text, "text/plain; charset=utf-8");
	resume_all(s);
}

static void start_census(struct server *s)
{
	struct err e;

	s->began_ms = clock_ms();
	if (reader_start(s->subject, s->n_censuses + 1, &s->reader, &e) < 0)
		tell_failure(s, &e);
}

static void end_census(struct server *s)
{
	automatic(str) struct str text = { 0 };
	struct err e;
	int r = reader_end(&s->reader, &text, &e);
	int64_t now = clock_ms();

	s->next_ms = now + (now - s->began_ms) * REST_TIMES;
	if (r < 0)
		return tell_failure(s, &e);
	s->n_censuses++;
	set_answer(s, MHD_HTTP_OK, &text, METRICS_CONTENT_TYPE);
	resume_all(s);
}

static void kill_census(struct server *s)
{
	struct err e;

	reader_done(&s->reader);
	err_say(&e, ETIMEDOUT, "the measurement took longer than %d s", CENSUS_MS / 1000);
	tell_failure(s, &e);
}

/* --- the loop ------------------------------------------------------------------------------------------ */
static int sooner(int64_t a, int64_t b)
{
	int64_t left = (a < b ? a : b) - clock_ms();

	return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* How long to wait for what comes first. */
static int timeout(struct server *s)
{
	int64_t next = drop_slow(s);
	MHD_UNSIGNED_LONG_LONG theirs;

	if (MHD_get_timeout(s->daemon, &theirs) == MHD_YES && clock_ms() + (int64_t)theirs < next)
		next = clock_ms() + (int64_t)theirs;
	if (s->reader.pid)
		return sooner(next, s->began_ms + CENSUS_MS);
	return sooner(next, someone_waits(s) ? s->next_ms : INT64_MAX);
}

/*
 * A daemon that is full does not listen, and listens again at the beginning of its next run: where one
 * run ends all that it has, that would come with the next timeout.
 */
static void serve(struct server *s)
{
	MHD_run(s->daemon);
	while (s->was_full && s->n_clients < CONNECTIONS_HARD) {
		s->was_full = false;
		MHD_run(s->daemon);
	}
}

static void turn(struct server *s)
{
	struct pollfd fds[] = { { .fd = s->epoll, .events = POLLIN },
		{ .fd = s->signals, .events = POLLIN }, { .fd = s->reader.fd, .events = POLLIN } };
	int ms = timeout(s);

	if (poll(fds, 3, ms) < 0 && errno != EINTR)
		s->ends = true;
	s->ends |= fds[1].revents != 0;
	if (s->reader.pid && fds[2].revents && reader_take(&s->reader))
		end_census(s);
	else if (s->reader.pid && clock_ms() - s->began_ms >= CENSUS_MS)
		kill_census(s);
	serve(s);
	if (!s->reader.pid && someone_waits(s) && clock_ms() >= s->next_ms)
		start_census(s);
}

static int watch_signals(struct server *s, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals < 0 ? err_set(e, errno, "watch signals") : 0;
}

/* The listening socket stays the listener's; the daemon gets a copy, which it closes. */
static int start(struct server *s, struct err *e)
{
	int fd = fcntl(s->listener->fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return err_set(e, errno, "duplicate a socket");
	s->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		on_request, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, s, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_HARD,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(SLOW_MS / 1000), MHD_OPTION_END);
	if (!s->daemon) {
		close(fd);
		return err_say(e, EIO, "cannot serve HTTP at '%s'", s->listener->text);
	}
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	s->epoll = info ? info->epoll_fd : -1;
	return 0;
}

/* Who waits still is told so: a daemon with suspended connections cannot be stopped. */
static void stop(struct server *s)
{
	automatic(str) struct str text = { 0 };

	reader_done(&s->reader);
	str_add(&text, "It ends.\n");
	if (str_ok(&text))
		set_answer(s, MHD_HTTP_SERVICE_UNAVAILABLE, &text, "text/plain; charset=utf-8");
	resume_all(s);
	if (s->daemon) {
		MHD_run(s->daemon);
		MHD_run(s->daemon);
		MHD_stop_daemon(s->daemon);
	}
	if (s->answer)
		MHD_destroy_response(s->answer);
	own_close(&s->signals);
}

int server_run(const struct listener *l, const struct subject *subject, struct err *e)
{
	struct server s = {
		.listener = l, .subject = subject, .reader = READER_NONE, .signals = -1, .epoll = -1
	};
	int r = watch_signals(&s, e);

	if (r == 0)
		r = start(&s, e);
	if (r == 0) {
		printf("%s\n", l->text);
		fflush(stdout);
	}
	while (r == 0 && !s.ends)
		turn(&s);
	stop(&s);
	return r;
}
