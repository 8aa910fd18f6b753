/* cow run: a container of an image. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cow/attach.h"
#include "cmd/cow/commands.h"
#include "cmd/cow/detach.h"
#include "cmd/cow/fetch.h"
#include "cmd/cow/limits.h"
#include "cmd/cow/network.h"
#include "runtime/launch.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/base/str.h"
#include "spec/id.h"

struct run_words {
	const char *name, *workdir, *user, *hostname, *entrypoint, *keys, *snapshotter;
	struct option_list env, volumes, security;
	struct limit_words limits;
	struct network_words network;
	int pull; /* enum pull_choice; 0: missing */
	bool detach, remove, read_only, interactive, tty;
};

#define ROW(name, letter, kind, member, value, help)                                               \
	{                                                                                          \
		name, letter, kind, offsetof(struct run_words, member), value, help                \
	}

static const struct option_row options[] = {
	ROW("detach", 'd', OPTION_FLAG, detach, NULL, "run in the background, print the name"),
	ROW("rm", 0, OPTION_FLAG, remove, NULL, "remove the container when it has ended"),
	ROW("name", 0, OPTION_TEXT, name, "NAME", "of the container; else one is made"),
	ROW("pull", 0, OPTION_CHOICE, pull, PULL_WORDS,
		"its image from a registry: if the store has not got it (missing)"),
	ROW("interactive", 'i', OPTION_FLAG, interactive, NULL, "give it our standard input"),
	ROW("tty", 't', OPTION_FLAG, tty, NULL, "give it a terminal"),
	ROW("detach-keys", 0, OPTION_TEXT, keys, "KEYS",
		"what leaves its terminal (" ATTACH_KEYS ")"),
	ROW("env", 'e', OPTION_LIST, env, "NAME[=VALUE]", "one more of its environment"),
	ROW("workdir", 'w', OPTION_TEXT, workdir, "DIR", "its working directory"),
	ROW("user", 'u', OPTION_TEXT, user, "USER[:GROUP]", "who it is, by name or number"),
	ROW("volume", 'v', OPTION_LIST, volumes, "SRC:DST[:OPTIONS]",
		"a directory or file of the host"),
	LIMIT_ROWS(struct run_words, limits),
	ROW("hostname", 0, OPTION_TEXT, hostname, "NAME",
		"its host name; else the container's name"),
	ROW("read-only", 0, OPTION_FLAG, read_only, NULL,
		"its root file system is not to be written to"),
	ROW("snapshotter", 0, OPTION_TEXT, snapshotter, "WAY",
		"of its files: overlay, btrfs, reflink, copy, lvm:..., zfs:..."),
	ROW("security-opt", 0, OPTION_LIST, security, "seccomp=FILE",
		"another seccomp profile; seccomp=unconfined: none"),
	ROW("net", 0, OPTION_TEXT, network.network, "NETWORK",
		"none (loopback alone), host, user, ns:PATH, container:NAME"),
	ROW("network", 0, OPTION_TEXT, network.network, "NETWORK", NULL),
	ROW("publish", 'p', OPTION_LIST, network.ports, "[IP:]PORT:PORT[/udp]",
		"a port of the host that leads to one of it"),
	ROW("entrypoint", 0, OPTION_TEXT, entrypoint, "PROGRAM", "instead of the image's"),
	{ 0 },
};

/* What derive_options borrows and the command line does not hold. */
struct derived {
	char **env;
	struct mount_spec *volumes;
	struct json_text seccomp;
	struct limits limits;
	struct network_choice network;
	size_t n_env, n_volumes;
};

static void derived_done(struct derived *d)
{
	for (size_t i = 0; i < d->n_env; i++)
		free(d->env[i]);
	for (size_t i = 0; i < d->n_volumes; i++)
		mount_spec_done(&d->volumes[i]);
	free(d->env);
	free(d->volumes);
	free(d->seccomp.text);
	limits_done(&d->limits);
	network_choice_done(&d->network);
	*d = (struct derived){ 0 };
}
DEFINE_AUTO(derived, derived_done)

/* `-e NAME` alone hands on ours, if there is one. */
static int read_env(const struct option_list *list, struct derived *d, struct err *e)
{
	d->env = calloc(list->n + 1, sizeof(*d->env));
	for (size_t i = 0; d->env && i < list->n; i++) {
		const char *word = list->v[i], *ours = strchr(word, '=') ? NULL : getenv(word);
		if (!strchr(word, '=') && !ours)
			continue;
		d->env[d->n_env] = ours ? str_format("%s=%s", word, ours) : strdup(word);
		if (!d->env[d->n_env++])
			return err_set(e, ENOMEM, "read the command line");
	}
	return d->env ? 0 : err_set(e, ENOMEM, "read the command line");
}

static int read_volumes(const struct option_list *list, struct derived *d, struct err *e)
{
	d->volumes = calloc(list->n + 1, sizeof(*d->volumes));
	for (size_t i = 0; d->volumes && i < list->n; i++) {
		int r = derive_volume_parse(list->v[i], &d->volumes[i], e);
		if (r < 0)
			return r;
		d->n_volumes++;
	}
	return d->volumes ? 0 : err_set(e, ENOMEM, "read the command line");
}

/* As docker and podman spell it. That nothing gains privileges is so without the word. */
static int read_security(
	const struct option_list *list, struct derive_options *o, struct derived *d, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		const char *word = list->v[i], *file = word + strlen("seccomp=");
		if (strcmp(word, "no-new-privileges") == 0)
			continue;
		if (!str_starts(word, "seccomp=") || !*file)
			return err_say(e, ERR_USAGE,
				"option --security-opt: '%s' is neither seccomp=FILE, "
				"seccomp=unconfined nor no-new-privileges",
				word);
		o->no_seccomp = strcmp(file, "unconfined") == 0;
		o->seccomp = NULL;
		if (o->no_seccomp)
			continue;
		free(d->seccomp.text);
		d->seccomp.text = NULL;
		r = fd_read_file(AT_FDCWD, file, json_usual_limits.bytes, &d->seccomp.text,
			&d->seccomp.len, e);
		o->seccomp = &d->seccomp;
		o->seccomp_file = file;
	}
	return r < 0 ? err_while(e, "option --security-opt") : 0;
}

/* The container's name, image and program are in `o` already. */
static int read_words(
	const struct run_words *w, struct launch_options *o, struct derived *d, struct err *e)
{
	if (w->interactive && w->detach && !w->tty)
		return err_say(e, ERR_USAGE,
			"options --interactive and --detach exclude each other without --tty");
	int r = w->name ? id_check(w->name, e) : 0;
	if (r == 0)
		r = read_env(&w->env, d, e);
	if (r == 0)
		r = read_volumes(&w->volumes, d, e);
	if (r == 0)
		r = limits_read(&w->limits, &d->limits, o, e);
	if (r == 0)
		r = network_read(&w->network, &d->network, o, e);
	if (r == 0)
		r = read_security(&w->security, &o->derive, d, e);
	o->name = w->name;
	o->snapshotter = w->snapshotter ? w->snapshotter : getenv("COW_SNAPSHOTTER");
	o->user = w->user;
	o->remove_at_exit = w->remove;
	o->derive.env = (const char *const *)d->env;
	o->derive.n_env = d->n_env;
	o->derive.volumes = d->volumes;
	o->derive.n_volumes = d->n_volumes;
	o->derive.entrypoint = w->entrypoint;
	o->derive.workdir = w->workdir;
	o->derive.hostname = w->hostname;
	o->derive.read_only = w->read_only;
	o->derive.terminal = w->tty;
	return r;
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
	r = id ? launch_ended(&c->home, id, outcome.status, why, e)
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

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(derived) struct derived derived = { 0 };
	const struct run_words *w = data;
	struct launch_options o = { .store = c->store, .image = argv[0] };

	o.derive.args = (const char *const *)argv + 1;
	o.derive.n_args = (size_t)argc - 1;
	o.inside = c->own.uids.n;
	o.derive.uids = c->own.uids.v;
	o.derive.n_uids = c->own.uids.n;
	o.derive.gids = c->own.gids.v;
	o.derive.n_gids = c->own.gids.n;
	int r = read_words(w, &o, &derived, e);
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
	.min_words = 1,
	.max_words = -1,
	.failure_status = STATUS_RUN_FAILED,
	.owns = true,
	.run = run,
};
