/* cowrun start: the program of a created container. */
#include <fcntl.h>

#include "cmd/oci/commands.h"
#include "runtime/container.h"
#include "runtime/service.h"

/* Where it says that it is ready; -1 when no service manager asks, now and when it was created. */
static int listen_to(const struct home *h, const char *id, int *ret_socket, struct err *e)
{
	automatic(record) struct record record = { 0 };

	if (!service_is_awaited())
		return 0;
	int r = record_read(h, id, &record, e);
	if (r < 0)
		return r;
	/* Else start refuses, and the socket may be somebody's who waits at it. */
	if (container_status(h, &record) != STATE_CREATED)
		return 0;
	autofd int dir = openat(h->fd, record.id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return service_listen(dir, ret_socket, e);
}

static int relay(const struct home *h, const char *id, int socket, struct err *e)
{
	automatic(record) struct record record = { 0 };
	int r = record_read(h, id, &record, e);

	if (r < 0)
		return r;
	autofd int pidfd = mark_open(&record.init);
	if (pidfd >= 0)
		service_relay(socket, pidfd, record.init.pid);
	return 0;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	autofd int socket = -1;

	(void)data, (void)argc;
	int r = command_open_home(c, false, e);
	if (r == 0)
		r = listen_to(&c->home, argv[0], &socket, e);
	if (r == 0)
		r = container_start(&c->home, argv[0], e);
	return r == 0 && socket >= 0 ? relay(&c->home, argv[0], socket, e) : r;
}

const struct command start_command = {
	.name = "start",
	.arguments = "ID",
	.summary = "Starts the program of a created container.",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
