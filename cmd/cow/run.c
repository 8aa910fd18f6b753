/* cow run: a container of an image. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cow/attach.h"
#include "cmd/cow/commands.h"
#include "cmd/cow/detach.h"
#include "cmd/cow/fetch.h"
#include "cmd/cow/fork.h"
#include "cmd/cow/many.h"
#include "cmd/cow/wishes.h"
#include "runtime/launch.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/base/str.h"
#include "spec/id.h"

struct run_words {
	struct wish_words wishes;
	const char *keys, *template;
	int pull; /* enum pull_choice; 0: missing */
	struct opt_u64 count;
	bool detach, interactive, tty;
};

#define ROW(name, letter, kind, member, value, help)                                               \
	{                                                                                          \
		name, letter, kind, offsetof(struct run_words, member), value, help                \
	}

static const struct option_row options[] = {
	ROW("detach", 'd', OPTION_FLAG, detach, NULL, "run in the background, print the name"),
	ROW("count", 'n', OPTION_UNSIGNED, count, "COUNT",
		"so many of them, with --detach; NAME is followed by -1, -2, ..."),
	WISH_CONTAINER_ROWS(struct run_words, wishes),
	ROW("pull", 0, OPTION_CHOICE, pull, PULL_WORDS,
		"its image from a registry: if the store has not got it (missing)"),
	ROW("interactive", 'i', OPTION_FLAG, interactive, NULL, "give it our standard input"),
	ROW("tty", 't', OPTION_FLAG, tty, NULL, "give it a terminal"),
	ROW("detach-keys", 0, OPTION_TEXT, keys, "KEYS",
		"what leaves its terminal (" ATTACH_KEYS ")"),
	WISH_ROWS(struct run_words, wishes),
	WISH_IMAGE_ROWS(struct run_words, wishes),
	ROW("template", 0, OPTION_TEXT, template, "NAME",
		"fork it from that template: no image is named then"),
	{ 0 },
};

/* The container's image and program are in `o` already. */
static int read_words(
	const struct run_words *w, struct launch_options *o, struct wishes *ret, struct err *e)
{
	if (w->interactive && w->detach && !w->tty)
		return err_say(e, ERR_USAGE,
			"options --interactive and --detach exclude each other without --tty");
	if (w->count.set && (!w->detach || w->tty || w->count.value - 1 >= MANY_MAX))
		return err_say(e, ERR_USAGE,
			"option --count: is from 1 to %d, with --detach and without --tty",
			MANY_MAX);
	o->derive.terminal = w->tty;
	return wishes_read(&w->wishes, ret, o, e);
}

/* Attached: we are its monitor. */
static int attend(struct context *c, const struct launch_options *o, bool with_input, struct err *e)
{
	automatic(launched) struct launched l = LAUNCHED_NONE;
	struct outcome outcome;
	char why[160] = "";

	foreground_prepare();
	autofd int input = with_input ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!with_input && (input < 0 || dup2(input, 0) < 0))
		return err_set(e, errno, "open '/dev/null'");
	int r = launch(&c->home, o, &l, e);
	if (r < 0)
		return r;
	r = foreground_wait(&l.container.birth, NULL, l.container.cgroup.fd, &outcome, e);
	l.container.complete = r == 0; /* what never ran is not kept */
	if (r < 0)
		return r;
	/* The record's lock goes first: what follows takes it as anybody would. */
	autofree char *id = strdup(l.container.id);
	launched_done(&l);
	r = id ? launch_ended(&c->home, id, 0, outcome.status, why, e)
	       : err_set(e, ENOMEM, "record the end");
	if (*why)
		fprintf(stderr, "cow: %s: killed: %s\n", id, why);
	return r < 0 ? r : outcome.status;
}

/* The record as the monitor handed it on: the container may have ended, and be removed. */
static int take_record(const struct detached *d, struct wait *ret, struct err *e)
{
	int r = record_read_open(d->journal, d->id, &ret->record, e);

	if (r < 0)
		return r;
	ret->journal = fcntl(d->journal, F_DUPFD_CLOEXEC, 3);
	return 0;
}

/* In the background; with a terminal in the foreground we are the first who is attached to it. */
static int launch_apart(
	struct context *c, const struct run_words *w, const struct launch_options *o, struct err *e)
{
	automatic(detached) struct detached d = DETACHED_NONE;
	automatic(wait) struct wait wait = WAIT_NONE;
	bool shown = w->tty && !w->detach;
	struct screen ours, theirs;

	screen_look(w->interactive && shown, &ours);
	int r = attach_keys(w->keys ? w->keys : ATTACH_KEYS, &ours, e);
	if (r < 0)
		return r;
	theirs = ours;
	theirs.raw = true; /* whoever attaches later may need it so */
	struct launch_options apart = *o;
	apart.screen = w->tty ? &theirs : NULL;
	if (shown)
		foreground_prepare();
	r = detach_run(c, &apart, shown, &d, e);
	if (r < 0 || !shown)
		return r < 0 || puts(d.id) >= 0 ? r : err_set(e, EIO, "print the name");
	r = take_record(&d, &wait, e);
	return r < 0 ? r : attach_show(&c->home, &wait, &ours, d.connection, d.terminal, e);
}

static int start(
	struct context *c, const struct run_words *w, const struct launch_options *o, struct err *e)
{
	if (w->count.set)
		return many_run(c, o, (unsigned)w->count.value, e);
	return w->detach || w->tty ? launch_apart(c, w, o, e) : attend(c, o, w->interactive, e);
}

/* Whether the image is there is found out by starting it: a start costs no look more. */
static int start_or_pull(
	struct context *c, const struct run_words *w, const struct launch_options *o, struct err *e)
{
	sigset_t before;
	int r = w->pull == PULL_ALWAYS ? fetch_image(c, o->image, e) : 0;

	if (r != 0)
		return r < 0 ? r : STATUS_RUN_FAILED;
	sigprocmask(SIG_BLOCK, NULL, &before);
	r = start(c, w, o, e);
	if (r != -ERR_NO_IMAGE || w->pull == PULL_NEVER || w->pull == PULL_ALWAYS)
		return r;
	sigprocmask(SIG_SETMASK, &before, NULL);
	r = fetch_image(c, o->image, e);
	if (r != 0)
		return r < 0 ? r : STATUS_RUN_FAILED;
	return start(c, w, o, e);
}

static int run_fork(
	struct context *c, const struct run_words *w, int argc, char **argv, struct err *e)
{
	const struct fork_wish wish = { .template = w->template,
		.argc = argc,
		.argv = argv,
		.count = 1,
		.shown = !w->detach,
		.interactive = w->interactive,
		.tty = w->tty };

	if (w->wishes.snapshotter || w->wishes.entrypoint || w->wishes.userns)
		return err_say(e, ERR_USAGE,
			"option --template excludes --snapshotter, --entrypoint and --userns: a fork has its template's");
	if (w->tty && (w->detach || w->keys))
		return err_say(e, ERR_USAGE,
			"options --template and --tty exclude --detach and --detach-keys: the terminal of a fork is there as long as this command");
	return fork_run(c, &w->wishes, &wish, e);
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(wishes) struct wishes wishes = { 0 };
	const struct run_words *w = data;
	struct launch_options o = { .store = c->store, .image = argv[0] };

	if (w->template)
		return run_fork(c, w, argc, argv, e);
	if (argc < 1)
		return err_say(e, ERR_USAGE, "usage: cow run %s", run_command.arguments);

	o.derive.args = (const char *const *)argv + 1;
	o.derive.n_args = (size_t)argc - 1;
	wishes_own(&o, &c->own);
	int r = read_words(w, &o, &wishes, e);
	if (r == 0)
		r = command_open_home(c, true, e);
	if (r < 0)
		return r;
	return start_or_pull(c, w, &o, e);
}

const struct command run_command = {
	.name = "run",
	.arguments = "[options] IMAGE [COMMAND [ARGUMENT ...]]",
	.summary = "Runs a container of an image, and ends with its status.",
	.options = options,
	.options_size = sizeof(struct run_words),
	.min_words = 0,
	.max_words = -1,
	.failure_status = STATUS_RUN_FAILED,
	.owns = true,
	.run = run,
};
