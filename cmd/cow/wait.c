/* cow wait: the ends of containers. */
#include "cmd/cow/wait.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "cmd/cow/commands.h"
#include "runtime/reaper.h"

int wait_for(const struct process_mark *mark, int timeout_ms, struct err *e)
{
	autofd int fd = mark_open(mark);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	if (fd < 0)
		return fd == -ESRCH ? 1 : err_set(e, -fd, "look at process %d", (int)mark->pid);
	while ((n = poll(&p, 1, timeout_ms)) < 0 && errno == EINTR)
		;
	return n > 0;
}

/* The end of the monitor is the end of it all: the record is complete then, or removed. A reaper
 * stays. */
int wait_for_record(const struct home *h, const struct record *r, int timeout_ms, struct err *e)
{
	autofd int watch = -1;

	if (!r->is_template && !r->forked_from)
		return wait_for(&r->monitor, timeout_ms, e);
	int told = reaper_await(h, r, timeout_ms, &watch);
	return told < 0 ? err_set(e, -told, "wait for the reaper of '%s'", r->id) : told;
}

int wait_begin(const struct home *h, const char *id, struct wait *ret, struct err *e)
{
	automatic(wait) struct wait w = WAIT_NONE;
	int r = record_read(h, id, &w.record, e);

	if (r < 0)
		return r;
	autofd int dir = openat(h->fd, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	w.journal = dir < 0 ? -1 : openat(dir, RECORD_FILE, O_RDONLY | O_CLOEXEC);
	*ret = w;
	w = (struct wait)WAIT_NONE;
	return 0;
}

int wait_end(const struct home *h, struct wait *w, struct err *e)
{
	autofree char *id = strdup(w->record.id);

	if (!id)
		return err_set(e, ENOMEM, "wait for a container");
	int r = wait_for(&w->record.init, -1, e);
	if (r >= 0)
		r = wait_for_record(h, &w->record, -1, e);
	if (r < 0)
		return r;
	record_done(&w->record);
	r = w->journal < 0 || lseek(w->journal, 0, SEEK_SET) < 0
		    ? record_read(h, id, &w->record, e)
		    : record_read_open(w->journal, id, &w->record, e);
	if (r == 0 && !w->record.ended)
		r = err_say(
			e, ENODATA, "container '%s' has ended, and nobody recorded its status", id);
	return r;
}

void wait_done(struct wait *w)
{
	record_done(&w->record);
	own_close(&w->journal);
	w->journal = -1;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	(void)data;
	int r = command_open_home(c, false, e);
	for (int i = 0; r == 0 && i < argc; i++) {
		automatic(wait) struct wait w = WAIT_NONE;
		r = wait_begin(&c->home, argv[i], &w, e);
		if (r == 0)
			r = wait_end(&c->home, &w, e);
		if (r == 0)
			printf("%d\n", w.record.exit_status);
	}
	return r;
}

const struct command wait_command = {
	.name = "wait",
	.arguments = "NAME ...",
	.summary = "Waits for the end of containers, and prints their statuses.",
	.min_words = 1,
	.max_words = -1,
	.run = run,
};
