/* cow stop, rm: the end of containers. */
#include <signal.h>
#include <stdio.h>

#include "cmd/cow/commands.h"
#include "cmd/cow/wait.h"
#include "cmd/signals.h"
#include "runtime/container.h"
#include "spec/derive.h"

enum { END_MS = 10000 }; /* for one who can do nothing any more but end */

struct stop_words {
	int seconds;
	const char *time;
};

struct rm_words {
	bool force;
};

static const struct option_row stop_options[] = {
	{ "time", 't', OPTION_TEXT, offsetof(struct stop_words, time), "SECONDS",
		"how long it may take to end by itself (10)" },
	{ 0 },
};

static const struct option_row rm_options[] = {
	{ "force", 'f', OPTION_FLAG, offsetof(struct rm_words, force), NULL, "kill it first" },
	{ 0 },
};

/* The image may name another signal than SIGTERM (StopSignal); one that we do not know is none. */
static int stop_signal(const struct home *h, const char *id)
{
	automatic(spec) struct spec spec = { 0 };
	struct err ignored;
	int signal = SIGTERM;

	if (container_spec(h, id, &spec, &ignored) == 0) {
		const char *name = spec_annotation(&spec, DERIVE_STOP_SIGNAL);
		if (name && signal_parse(name, &signal, &ignored) < 0)
			signal = SIGTERM;
	}
	return signal;
}

static int stop(const struct home *h, const char *id, int timeout_ms, struct err *e)
{
	automatic(record) struct record record = { 0 };
	int r = record_read(h, id, &record, e);

	if (r < 0)
		return r;
	enum state_status status = container_status(h, &record);
	if (status == STATE_STOPPED || status == STATE_CREATING)
		return 0;
	r = container_kill(h, id, stop_signal(h, id), false, e);
	/* What is frozen does not hear a signal; a thaw that fails leaves it to SIGKILL, which it
	 * does.
	 */
	struct err ignored;
	if (r == 0 && status == STATE_PAUSED)
		container_freeze(h, id, false, &ignored);
	int ended = r == 0 ? wait_for(&record.init, timeout_ms, e) : r;
	if (ended == 0)
		ended = container_kill(h, id, SIGKILL, record.cgroup, e);
	if (ended >= 0 || ended == -ERR_NOT_RUNNING)
		ended = wait_for(&record.init, END_MS, e);
	if (ended == 0)
		return err_say(
			e, EBUSY, "stop '%s': process %d does not end", id, (int)record.init.pid);
	/* Its monitor has still to write down the end. */
	if (ended > 0)
		ended = wait_for_record(h, &record, END_MS, e);
	return ended < 0 ? ended : 0;
}

static int stop_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct stop_words *w = data;
	uint64_t seconds = 10;

	if (w->time && !str_to_u64(w->time, 1000000, &seconds))
		return err_say(
			e, ERR_USAGE, "option --time: '%s' is not a number of seconds", w->time);
	int r = command_open_home(c, false, e);
	for (int i = 0; r == 0 && i < argc; i++) {
		r = stop(&c->home, argv[i], (int)seconds * 1000, e);
		if (r == 0)
			puts(argv[i]);
	}
	return r;
}

static bool is_template(const struct home *h, const char *id)
{
	automatic(record) struct record record = { 0 };
	struct err ignored;

	return record_read(h, id, &record, &ignored) == 0 && record.is_template;
}

static int rm(struct context *c, const char *id, bool force, struct err *e)
{
	int r = container_delete(&c->home, id, force, c->store, e);

	if (r == -ERR_NOT_RUNNING)
		return err_say(e, ERR_NOT_RUNNING,
			"container '%s' has not ended (hint: stop it, or rm --force)", id);
	if (r == 0)
		puts(id);
	return r;
}

/* Templates when their forks are gone, wherever they are named. */
static int rm_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct rm_words *w = data;
	int r = command_open_home(c, false, e);

	for (int i = 0; r == 0 && i < argc; i++)
		if (!is_template(&c->home, argv[i]))
			r = rm(c, argv[i], w->force, e);
	for (int i = 0; r == 0 && i < argc; i++)
		if (is_template(&c->home, argv[i]))
			r = rm(c, argv[i], w->force, e);
	return r;
}

const struct command stop_command = {
	.name = "stop",
	.arguments = "[options] NAME ...",
	.summary = "Ends containers: SIGTERM, and after some time SIGKILL.",
	.options = stop_options,
	.options_size = sizeof(struct stop_words),
	.min_words = 1,
	.max_words = -1,
	.mixed = true,
	.run = stop_run,
};

const struct command rm_command = {
	.name = "rm",
	.arguments = "[options] NAME ...",
	.summary = "Removes containers that have ended, with all that they wrote.",
	.options = rm_options,
	.options_size = sizeof(struct rm_words),
	.min_words = 1,
	.max_words = -1,
	.mixed = true,
	.run = rm_run,
};
