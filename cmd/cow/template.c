/* cow template create: a program that containers are forked from. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cmd/cow/background.h"
#include "cmd/cow/commands.h"
#include "cmd/cow/fetch.h"
#include "cmd/cow/frozen.h"
#include "cmd/cow/wishes.h"
#include "cmd/libexec.h"
#include "runtime/inject.h"
#include "runtime/launch.h"
#include "runtime/reaper.h"
#include "runtime/template_files.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"
#include "spec/id.h"

struct create_words {
	struct wish_words wishes;
	int freeze; /* of FROZEN_WORDS; 0: auto */
	bool inject;
	int wait_s; /* for it to sleep */
	int fork_wait_s;
	int pull; /* enum pull_choice; 0: missing */
};

enum { WAIT_S = 60, GRAFT_MAX = 1 << 24 };

static const struct option_row options[] = {
	{ "freeze", 0, OPTION_CHOICE, offsetof(struct create_words, freeze), FROZEN_WORDS,
		"its memory, so that a fork copies no page tables: if it bears it (auto)" },
	{ "inject", 0, OPTION_FLAG, offsetof(struct create_words, inject), NULL,
		"the program knows nothing of templates: fork it where it sleeps" },
	{ "inject-wait", 0, OPTION_COUNT, offsetof(struct create_words, wait_s), "SECONDS",
		"how long it may take until it sleeps (60)" },
	{ "fork-wait", 0, OPTION_COUNT, offsetof(struct create_words, fork_wait_s), "SECONDS",
		"how long a fork waits for a word of it (60)" },
	{ "pull", 0, OPTION_CHOICE, offsetof(struct create_words, pull), PULL_WORDS,
		"its image from a registry: if the store has not got it (missing)" },
	WISH_ROWS(struct create_words, wishes),
	WISH_IMAGE_ROWS(struct create_words, wishes),
	{ 0 },
};

/* For the stub: of --freeze, FROZEN_WORDS. */
static int add_freeze(struct wishes *w, struct launch_options *o, int freeze, struct err *e)
{
	static const char *const entries[] = { NULL, NULL, TEMPLATE_FREEZE "=always",
		TEMPLATE_FREEZE "=never" };

	return entries[freeze] ? wishes_add_env(w, o, entries[freeze], e) : 0;
}

/* What was to be frozen in any case is. */
static int check_frozen(
	const char *name, int freeze, const struct freeze_report *report, struct err *e)
{
	struct frozen f;

	frozen_tell(report, &f);
	if (freeze != FROZEN_ALWAYS || report->verdict == FREEZE_DONE)
		return 0;
	return err_say(e, EPERM, "template '%s' cannot be frozen: %s", name, f.why);
}

/* Where its stub is found: beside our programs, and in its root at TEMPLATE_DIRECTORY. */
static int add_stub(struct wishes *w, struct launch_options *o, struct err *e)
{
	char path[4096];
	int r = libexec_find("template", path, e);

	if (r == 0)
		r = wishes_add_env(w, o, TEMPLATE_VARIABLE "=3", e);
	if (r < 0)
		return r;
	o->derive.python_path = TEMPLATE_DIRECTORY;
	autofree char *volume = str_format("%s:" TEMPLATE_DIRECTORY ":ro", path);
	return volume ? wishes_add_volume(w, o, volume, e) : err_set(e, ENOMEM, "find the stub");
}

struct launching {
	struct context *context;
	const struct launch_options *options;
};

/* In the forked process, which becomes the reaper. Returns only in failure. */
static int become_reaper(void *data, int tell, struct err *e)
{
	const struct launching *w = data;
	struct context *c = w->context;
	const struct launch_options *o = w->options;
	automatic(launched) struct launched l = LAUNCHED_NONE;
	struct background b = { .null = -1 };
	char reaper[4096], pid[16];
	int fds[REAPER_FDS] = { 0 };
	sigset_t none;

	int r = libexec_find(REAPER_PROGRAM, reaper, e);
	if (r == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		r = err_set(e, errno, "become a reaper");
	if (r == 0)
		r = background_keep_stderr(e);
	if (r == 0)
		r = background_streams(&b, false, e);
	for (int fd = 1; r == 0 && fd < 3; fd++)
		background_give(&o->derive, fd);
	if (r == 0)
		r = launch(&c->home, o, &l, e);
	if (r == 0)
		r = fds[REAPER_LOG] = launch_open_log(&l, e);
	if (r >= 0)
		r = fds[REAPER_LISTENER] = reaper_listen(l.container.dir, e);
	if (r < 0) {
		l.container.complete = l.container.birth.over = false;
		return r;
	}
	fds[REAPER_OUT] = b.out[0];
	fds[REAPER_ERR] = b.err[0];
	struct err ok = { 0 };
	background_say(tell, &ok, l.container.id);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	snprintf(pid, sizeof(pid), "%d", (int)l.container.birth.pid);
	autofree char *root = *c->root == '/' ? strdup(c->root) : realpath(c->root, NULL);
	if (root && dup2(b.null, 1) >= 0 && dup2(b.null, 2) >= 0 &&
		background_place(fds, REAPER_OUT, REAPER_FDS, e) == 0 && chdir("/") == 0)
		execv(reaper,
			(char *[]){ (char *)REAPER_PROGRAM, root, l.container.id, pid, NULL });
	_exit(1);
}

static int begin(struct context *c, const struct launch_options *o, struct err *e)
{
	struct launching w = { c, o };
	char id[BACKGROUND_ID];
	autofd int said = -1;
	pid_t pid = background_begin(become_reaper, &w, &said, e);

	return pid < 0 ? pid : background_hear(said, pid, id, e);
}

/* The stub is brought into its first process. */
static int inject_stub(struct context *c, const char *name, int wait_s, struct err *e)
{
	automatic(record) struct record record = { 0 };
	autofree char *graft = NULL;
	struct inject_options o = { .listener = TEMPLATE_FD, .timeout_ms = wait_s * 1000 };
	char path[4096];

	int r = libexec_find("cow-injected", path, e);
	if (r == 0)
		r = fd_read_file(AT_FDCWD, path, GRAFT_MAX, &graft, &o.n_graft, e);
	if (r == 0)
		r = record_read(&c->home, name, &record, e);
	o.graft = graft;
	if (r < 0)
		return r;
	r = inject(&record.init, &o, e);
	return r == -ESRCH ? err_say(e, ERR_NOT_RUNNING, "template '%s' ended before it was ready",
				     name)
			   : r;
}

static int begin_or_pull(struct context *c, int pull, const struct launch_options *o, struct err *e)
{
	int r = pull == PULL_ALWAYS ? fetch_image(c, o->image, e) : 0;

	if (r != 0)
		return r < 0 ? r : STATUS_RUN_FAILED;
	r = begin(c, o, e);
	if (r != -ERR_NO_IMAGE || pull == PULL_NEVER || pull == PULL_ALWAYS)
		return r;
	r = fetch_image(c, o->image, e);
	return r == 0 ? begin(c, o, e) : r < 0 ? r : STATUS_RUN_FAILED;
}

/* Until it is ready. One that does not get there is not kept. */
static int await_ready(
	struct context *c, const char *name, const struct create_words *w, struct err *e)
{
	automatic(template) struct template t = TEMPLATE_NONE;
	struct template_report report;
	struct err ignored;
	int r = w->inject ? inject_stub(c, name, w->wait_s ? w->wait_s : WAIT_S, e) : 0;

	if (r == 0)
		r = template_open(&c->home, name, &t, e);
	if (r == 0)
		r = template_ask(&t, -1, &report, e);
	if (r == 0)
		r = check_frozen(name, w->freeze, &report.freeze, e);
	if (r == 0)
		r = template_seal(&t, e);
	if (r < 0)
		container_delete(&c->home, name, true, c->store, &ignored);
	return r;
}

static int create(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(wishes) struct wishes wishes = { 0 };
	struct create_words *w = data;
	struct launch_options o = { .store = c->store, .is_template = true };
	const char *name = argv[0];
	bool help;

	/* Options may stand before its name and behind it: what comes after the image is its own. */
	int words = options_parse(options, argc - 1, argv + 1, w, &help, e);
	if (words < 0)
		return words;
	argc -= 1 + words;
	argv += 1 + words;
	if (help || argc < 1)
		return err_say(e, ERR_USAGE,
			"usage: cow template create [options] NAME [options] IMAGE [COMMAND [ARGUMENT ...]]");
	o.image = argv[0];
	o.derive.args = (const char *const *)argv + 1;
	o.derive.n_args = (size_t)argc - 1;
	wishes_own(&o, &c->own);
	int r = wishes_read(&w->wishes, &wishes, &o, e);
	if (r == 0)
		r = id_check(name, e);
	o.name = name;
	o.derive.template = true;
	o.fork_wait = (unsigned)w->fork_wait_s;
	if (r == 0 && !w->inject)
		r = add_stub(&wishes, &o, e);
	if (r == 0)
		r = add_freeze(&wishes, &o, w->freeze, e);
	if (r == 0)
		r = command_open_home(c, true, e);
	if (r == 0)
		r = begin_or_pull(c, w->pull, &o, e);
	if (r == 0)
		r = await_ready(c, name, w, e);
	return r != 0 || puts(name) >= 0 ? r : err_set(e, EIO, "print the name");
}

const struct command template_create_command = {
	.name = "template create",
	.arguments = "[options] NAME [options] IMAGE [COMMAND [ARGUMENT ...]]",
	.summary = "Starts a program that containers are forked from.",
	.options = options,
	.options_size = sizeof(struct create_words),
	.min_words = 2,
	.max_words = -1,
	.failure_status = STATUS_RUN_FAILED,
	.owns = true,
	.run = create,
};
