/* cow logs: what a detached container has written. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "cmd/cow/commands.h"
#include "runtime/container.h"
#include "runtime/reaper.h"
#include "spec/base/str.h"

enum { LOOK_MS = 200 };

struct logs_words {
	bool follow, timestamps;
};

static const struct option_row options[] = {
	{ "follow", 'f', OPTION_FLAG, offsetof(struct logs_words, follow), NULL,
		"go on until it ends" },
	{ "timestamps", 't', OPTION_FLAG, offsetof(struct logs_words, timestamps), NULL,
		"when each line came" },
	{ 0 },
};

/*
 * "TIME STREAM F|P TEXT": each line to the stream that it came from (see cmd/cow/monitor.h). `end`
 * is where its newline was: a text may have zeros in it.
 */
static void print_line(const char *line, const char *end, const struct logs_words *w)
{
	const char *stream = strchr(line, ' ');
	const char *flag = stream ? strchr(stream + 1, ' ') : NULL;

	if (!flag || !flag[1] || flag[2] != ' ')
		return;
	FILE *to = str_starts(stream + 1, "stderr") ? stderr : stdout;
	/* Both may be the same place: there they are in the order in which they came. */
	if (to == stderr)
		fflush(stdout);
	if (w->timestamps)
		fprintf(to, "%.*s ", (int)(stream - line), line);
	fwrite(flag + 3, 1, (size_t)(end - flag - 3), to);
	if (flag[1] == 'F')
		fputc('\n', to);
}

/* Whole lines from where we are; a line that is still being written is left for later. */
static void print_new(FILE *log, const struct logs_words *w)
{
	autofree char *line = NULL;
	size_t room = 0;
	ssize_t n;

	for (;;) {
		long at = ftell(log);
		n = getline(&line, &room, log);
		if (n <= 0 || line[n - 1] != '\n') {
			clearerr(log);
			fseek(log, at, SEEK_SET);
			break;
		}
		line[n - 1] = '\0';
		print_line(line, line + n - 1, w);
	}
	fflush(stdout);
}

static int await_end(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n = poll(&p, 1, LOOK_MS);

	return n >= 0 ? n : errno == EINTR ? 0 : -errno;
}

/* A look five times a second; the end of the monitor, or the reaper's word, is seen at once. */
static int follow(const struct home *h, FILE *log, const struct record *record,
	const struct logs_words *w, struct err *e)
{
	const bool reaped = record->is_template || record->forked_from;
	autofd int watch = reaped ? -1 : mark_open(&record->monitor);
	int ended = watch >= 0 || reaped ? 0 : watch == -ESRCH ? 1 : watch;

	while (ended == 0) {
		ended = reaped ? reaper_await(h, record, LOOK_MS, &watch) : await_end(watch);
		print_new(log, w);
	}
	/* What was written between the last look and the end. */
	print_new(log, w);
	return ended < 0 ? err_set(e, -ended, "wait for the end of '%s'", record->id) : 0;
}

static FILE *open_log(const struct record *record, struct err *e)
{
	autofree char *path =
		record->store ? str_format("%s/containers/%s/log", record->store, record->id)
			      : NULL;
	FILE *log = path ? fopen(path, "re") : NULL;

	if (!log && (!path || errno == ENOENT))
		err_say(e, ENODATA, "container '%s' has no log: it did not run in the background",
			record->id);
	else if (!log)
		err_set(e, errno, "open the log of '%s'", record->id);
	return log;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(record) struct record record = { 0 };
	const struct logs_words *w = data;

	(void)argc;
	int r = command_open_home(c, false, e);
	if (r == 0)
		r = record_read(&c->home, argv[0], &record, e);
	if (r < 0)
		return r;
	FILE *log = open_log(&record, e);
	if (!log)
		return -e->code;
	print_new(log, w);
	if (w->follow)
		r = follow(&c->home, log, &record, w, e);
	fclose(log);
	return r;
}

const struct command logs_command = {
	.name = "logs",
	.arguments = "[options] NAME",
	.summary = "Shows what a container in the background has written.",
	.options = options,
	.options_size = sizeof(struct logs_words),
	.min_words = 1,
	.max_words = 1,
	.mixed = true,
	.run = run,
};
