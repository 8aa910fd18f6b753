/*
 * cow-import: what `cow load` and `cow import` start, to parse foreign bytes apart from the rest.
 *
 *	cow-import [--store DIR] load [options] [PATH]
 *	cow-import [--store DIR] import [options] ROOTFS.tar NAME[:TAG]
 *
 * On stdout: a line "NAME ID" for each image, or with --json one array of {"name", "id", "layers",
 * "size_bytes"}. On stderr: a progress bar if that is a terminal, and errors. Exit status 0, or 1;
 * interrupted, it clears away what it has begun first.
 *
 * It needs root to give files their owners, and no more of root than that: overlay/confine.h says
 * what it gives up before it reads the first foreign byte.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/json_list.h"
#include "cmd/libexec.h"
#include "overlay/confine.h"
#include "overlay/import.h"

#define BAR_WIDTH 30
#define BAR_INTERVAL_NS 100000000

static volatile sig_atomic_t interrupted;

struct import_words {
	const char *name, *digest, *input;
	const char *working_dir, *user;
	struct option_list cmd, entrypoint, env;
	bool quiet, json, no_sharing;
};

#define TEXT(name, letter, member, value, help)                                                    \
	{                                                                                          \
		name, letter, OPTION_TEXT, offsetof(struct import_words, member), value, help      \
	}
#define LIST(name, letter, member, value, help)                                                    \
	{                                                                                          \
		name, letter, OPTION_LIST, offsetof(struct import_words, member), value, help      \
	}
#define FLAG(name, letter, member, help)                                                           \
	{                                                                                          \
		name, letter, OPTION_FLAG, offsetof(struct import_words, member), NULL, help       \
	}

static const struct option_row load_options[] = {
	TEXT("name", 0, name, "NAME[:TAG]",
		"what the image is called here, if the archive has one"),
	TEXT("digest", 0, digest, "DIGEST",
		"what NAME may have behind '@': it was fetched by that"),
	TEXT("input", 'i', input, "PATH", "the same as PATH"),
	FLAG("no-sharing", 0, no_sharing, "no file is one with the same file of another image"),
	FLAG("quiet", 'q', quiet, "no progress"),
	FLAG("json", 0, json, "for programs"),
	{ 0 },
};

static const struct option_row import_options[] = {
	LIST("cmd", 0, cmd, "WORD", "the command of its containers, word by word (/bin/sh)"),
	LIST("entrypoint", 0, entrypoint, "WORD", "what stands before the command, word by word"),
	LIST("env", 'e', env, "NAME=VALUE", "a variable of its containers"),
	TEXT("workdir", 'w', working_dir, "DIR", "where they start"),
	TEXT("user", 'u', user, "USER[:GROUP]", "as whom they run"),
	FLAG("no-sharing", 0, no_sharing, "no file is one with the same file of another image"),
	FLAG("quiet", 'q', quiet, "no progress"),
	FLAG("json", 0, json, "for programs"),
	{ 0 },
};

struct bar {
	struct timespec shown;
	bool visible;
};

static void note_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* No SA_RESTART: who waits for another import's lock is to notice. */
static void watch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = note_interrupt };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* Characters that every terminal has, and no colour: NO_COLOR needs no asking. */
static void show_bar(void *data, const char *what, uint64_t done, uint64_t total)
{
	struct bar *bar = data;
	struct timespec now;
	char cells[BAR_WIDTH + 1], amount[16];

	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t since =
		(now.tv_sec - bar->shown.tv_sec) * 1000000000 + now.tv_nsec - bar->shown.tv_nsec;
	if (bar->visible && since < BAR_INTERVAL_NS && done != total)
		return;
	bar->shown = now;
	bar->visible = true;
	str_human(done, amount);
	if (total == 0) {
		fprintf(stderr, "\r%-18s %10s ", what, amount);
		return;
	}
	size_t full = (size_t)(done * BAR_WIDTH / total);
	for (size_t i = 0; i < BAR_WIDTH; i++)
		cells[i] = i < full ? '#' : '.';
	cells[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r%-18s %s %3u %% %10s ", what, cells, (unsigned)(done * 100 / total),
		amount);
}

static void clear_bar(const struct bar *bar)
{
	if (bar->visible)
		fprintf(stderr, "\r%*s\r", BAR_WIDTH + 40, "");
}

static const struct field image_fields[] = {
	FIELD(struct image_record, "name", FIELD_STRING, ref),
	FIELD(struct image_record, "id", FIELD_STRING, config),
	FIELD_LIST(struct image_record, "layers", FIELD_STRING, layers, n_layers, .always = true),
	FIELD(struct image_record, "size_bytes", FIELD_U64, size, .always = true),
	{ 0 },
};

static int print(const struct image_list *images, bool json, struct err *e)
{
	if (json)
		return json_list_print(
			image_fields, images->records, images->n, sizeof(*images->records), e);
	for (size_t i = 0; i < images->n; i++)
		printf("%s %s\n", images->records[i].ref, images->records[i].config);
	return 0;
}

/* `name` NULL: `path` holds images. Otherwise it is a root file system. */
static int take_in(struct context *c, const struct import_words *w, const char *path,
	const char *name, const struct import_options *given, struct err *e)
{
	struct import_options options = *given;
	automatic(store) struct store store = STORE_NONE;
	automatic(image_list) struct image_list images = { 0 };
	struct bar bar = { 0 };

	if (geteuid() != 0)
		return err_say(
			e, EPERM, "images are taken in by root only: their files have owners");
	watch_signals();
	options.cancelled = &interrupted;
	if (isatty(STDERR_FILENO) && !w->quiet) {
		options.progress = show_bar;
		options.progress_data = &bar;
	}
	int r = store_open(c->store, STORE_CREATE, &store, e);
	if (r < 0)
		return r;
	confine_import();
	r = name ? import_rootfs(&store, path, name, &options, &images, e)
		 : import_load(&store, path, &options, &images, e);
	clear_bar(&bar);
	return r < 0 ? r : print(&images, w->json, e);
}

static int load_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct import_words *w = data;
	struct import_options options = {
		.name = w->name, .digest = w->digest, .no_sharing = w->no_sharing
	};
	const char *path = argc ? argv[0] : w->input;

	if (argc && w->input)
		return err_say(e, ERR_USAGE, "'%s' and '%s': one at a time", argv[0], w->input);
	if (!path && isatty(STDIN_FILENO))
		return err_say(e, ERR_USAGE, "which archive? (standard input is a terminal)");
	return take_in(c, w, path ? path : "-", NULL, &options, e);
}

/* A list as the library takes it: with a NULL at its end; NULL when it is empty. */
static int end_list(const struct option_list *list, char ***ret, struct err *e)
{
	char **v = list->n ? calloc(list->n + 1, sizeof(*v)) : NULL;

	if (list->n && !v)
		return err_set(e, ENOMEM, "read the command line");
	for (size_t i = 0; i < list->n; i++)
		v[i] = list->v[i];
	*ret = v;
	return 0;
}

static int import_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct import_words *w = data;
	autofree char **cmd = NULL, **entrypoint = NULL, **env = NULL;

	(void)argc;
	int r = end_list(&w->cmd, &cmd, e);
	if (r == 0)
		r = end_list(&w->entrypoint, &entrypoint, e);
	if (r == 0)
		r = end_list(&w->env, &env, e);
	if (r < 0)
		return r;
	struct import_options options = {
		.cmd = cmd,
		.entrypoint = entrypoint,
		.env = env,
		.working_dir = w->working_dir,
		.user = w->user,
		.no_sharing = w->no_sharing,
	};
	return take_in(c, w, argv[0], argv[1], &options, e);
}

static const struct command load_command = {
	.name = "load",
	.arguments = "[options] [LAYOUT|ARCHIVE|-]",
	.summary =
		"Takes images out of an OCI image layout (a directory or an archive of one), or out\n"
		"of what 'docker save' wrote. Archives may be compressed by gzip or zstd.",
	.options = load_options,
	.options_size = sizeof(struct import_words),
	.max_words = 1,
	.mixed = true,
	.run = load_run,
};

static const struct command import_command = {
	.name = "import",
	.arguments = "[options] ROOTFS.tar|- NAME[:TAG]",
	.summary =
		"Makes an image of a root file system's tar, which may be compressed by gzip or zstd.",
	.options = import_options,
	.options_size = sizeof(struct import_words),
	.min_words = 2,
	.max_words = 2,
	.mixed = true,
	.run = import_run,
};

static const struct command *const commands[] = { &load_command, &import_command, NULL };

int main(int argc, char **argv)
{
	return libexec_main("Takes images into the store.", commands, argc, argv);
}
