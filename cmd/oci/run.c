/* cowrun run: create and start, and, unless detached, wait and remove. */
#include <stdio.h>
#include <unistd.h>

#include "cmd/oci/commands.h"
#include "cmd/oci/create.h"
#include "runtime/service.h"
#include "spec/base/log.h"
#include "spec/id.h"

static const struct option_row options[] = {
	CREATE_ROWS(struct create_words),
	{ "detach", 'd', OPTION_FLAG, offsetof(struct create_words, detach), NULL,
		"return when it runs" },
	{ "keep", 0, OPTION_FLAG, offsetof(struct create_words, keep), NULL,
		"keep the record when it has ended" },
	{ "no-subreaper", 0, OPTION_IGNORED_FLAG, 0, NULL, NULL },
	{ 0 },
};

/* In the foreground it is we whom a service manager watches, and who wait for the end as well. */
static int await_word(
	const struct bundle *b, const struct container *c, bool detached, struct err *e)
{
	if (!detached)
		return service_relay_apart(b->notify, c->birth.pidfd, getpid(), e);
	service_relay(b->notify, c->birth.pidfd, c->birth.pid);
	return 0;
}

/* A fork's end is its reaper's to see: it is by who stands in for it that we see it. */
static void take_standin(struct container *c)
{
	if (c->standin < 0)
		return;
	own_close(&c->birth.pidfd);
	c->birth.pidfd = take_fd(&c->standin);
	c->birth.pid = 0;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	/* In this order: the container borrows from the bundle. */
	automatic(bundle) struct bundle bundle = BUNDLE_NONE;
	automatic(container) struct container container = CONTAINER_NONE;
	automatic(screen) struct screen screen = SCREEN_NONE;
	struct create_words *w = data;
	struct outcome outcome;

	(void)argc;
	int r = id_check(argv[0], e);
	if (r == 0)
		r = bundle_load(w, &bundle, e);
	if (r < 0)
		return r;
	bool shows = bundle_terminal(&bundle) && !w->detach;
	if (shows)
		screen_look(true, &screen);
	if (!w->detach)
		foreground_prepare();
	r = create_from_bundle(
		c, w, argv[0], &bundle, false, shows ? &screen : NULL, &container, e);
	if (r == 0 && bundle.notify >= 0)
		r = await_word(&bundle, &container, w->detach, e);
	if (r < 0 || w->detach)
		return r;
	take_standin(&container);
	r = foreground_wait(
		&container.birth, shows ? &screen : NULL, container.cgroup.fd, &outcome, e);
	if (r < 0) {
		container.complete = false; /* its program never ran: nothing is kept */
		if (w->pid_file)
			unlink(w->pid_file);
		return r;
	}
	container.complete = true;
	if (outcome.oom)
		log_error(outcome.why);
	if (!w->keep)
		r = container_clear(&container, e);
	return r < 0 ? r : outcome.status;
}

const struct command run_command = {
	.name = "run",
	.arguments = "[options] ID",
	.summary = "Runs a container of a bundle, and ends with its status.",
	.options = options,
	.options_size = sizeof(struct create_words),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
