/*
 * cow-import: what `cow load` and `cow import` start, to parse foreign bytes apart from the rest.
 *
 *	cow-import [--store DIR] load [--name REF] [--json] [--quiet] [PATH]
 *	cow-import [--store DIR] import [--name REF] [--cmd ARG]... [--env NAME=VALUE]...
 *		[--entrypoint ARG]... [--workdir DIR] [--user USER] [--json] [--quiet] PATH REF
 *
 * PATH "-", or none for `load`, is standard input. On stdout: one line "REF DIGEST" for each image,
 * or with --json one array of {"name", "id", "layers", "size_bytes"}. On stderr: a progress bar if
 * that is a terminal, and errors as "cow: load: …". Exit status 0, or 1.
 *
 * It needs root to give files their owners, and no more of root than that: see overlay/confine.h
 * for what it gives up before it reads the first foreign byte.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "overlay/confine.h"
#include "overlay/import.h"
#include "spec/base/json.h"
#include "spec/base/log.h"

#define LIST_MAX 256 /* of a repeated option */
#define BAR_WIDTH 30
#define BAR_INTERVAL_NS 100000000

static volatile sig_atomic_t interrupted;

struct list {
	char *items[LIST_MAX + 1];
	size_t n;
};

struct request {
	const char *store;
	const char *path, *ref;
	bool json, quiet;
	struct list cmd, entrypoint, env;
	struct import_options import;
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

static int add_item(struct list *list, const char *option, struct err *e)
{
	if (list->n == LIST_MAX)
		return err_say(e, ERR_USAGE, "%s is given more than %d times", option, LIST_MAX);
	list->items[list->n++] = optarg;
	return 0;
}

enum { OPT_STORE = 256, OPT_JSON, OPT_NAME, OPT_CMD, OPT_ENTRYPOINT };

static const struct option options[] = {
	{ "store", required_argument, NULL, OPT_STORE },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "quiet", no_argument, NULL, 'q' },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "input", required_argument, NULL, 'i' },
	{ "cmd", required_argument, NULL, OPT_CMD },
	{ "entrypoint", required_argument, NULL, OPT_ENTRYPOINT },
	{ "env", required_argument, NULL, 'e' },
	{ "workdir", required_argument, NULL, 'w' },
	{ "user", required_argument, NULL, 'u' },
	{ 0 },
};

static int take_option(struct request *r, int option, struct err *e)
{
	switch (option) {
	case OPT_STORE:
		r->store = optarg;
		return 0;
	case OPT_JSON:
		r->json = true;
		return 0;
	case 'q':
		r->quiet = true;
		return 0;
	case OPT_NAME:
		r->import.name = optarg;
		return 0;
	case 'i':
		r->path = optarg;
		return 0;
	case OPT_CMD:
		return add_item(&r->cmd, "--cmd", e);
	case OPT_ENTRYPOINT:
		return add_item(&r->entrypoint, "--entrypoint", e);
	case 'e':
		return add_item(&r->env, "--env", e);
	case 'w':
		r->import.working_dir = optarg;
		return 0;
	case 'u':
		r->import.user = optarg;
		return 0;
	default:
		return err_say(e, ERR_USAGE, "unknown option '%s', or its value is missing",
			optopt > 0 && optopt < 256 ? (char[]){ '-', (char)optopt, '\0' } : "--");
	}
}

/* Stops at the first word that is no option, so that the sub-command's own follow it. */
static int take_options(struct request *r, int argc, char **argv, const char *shorts, struct err *e)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, shorts, options, NULL)) != -1) {
		if (option == '?' && optind > 1 && argv[optind - 1][0] == '-' &&
			argv[optind - 1][1] == '-')
			return err_say(e, ERR_USAGE, "unknown option '%s', or its value is missing",
				argv[optind - 1]);
		int failed = take_option(r, option, e);
		if (failed < 0)
			return failed;
	}
	return 0;
}

static int run_load(const struct store *store, struct request *r, int n, char **words,
	struct image_list *ret, struct err *e)
{
	if (n > 1 || (n == 1 && r->path))
		return err_say(e, ERR_USAGE, "one PATH, or '-' for standard input");
	if (n == 1)
		r->path = words[0];
	if (!r->path && isatty(STDIN_FILENO))
		return err_say(e, ERR_USAGE, "PATH is missing, and standard input is a terminal");
	if (!r->path)
		r->path = "-";
	return import_load(store, r->path, &r->import, ret, e);
}

static int run_import(const struct store *store, struct request *r, int n, char **words,
	struct image_list *ret, struct err *e)
{
	if (n == 1 && r->import.name)
		r->ref = r->import.name;
	else if (n == 2 && !r->import.name)
		r->ref = words[1];
	else
		return err_say(e, ERR_USAGE, "a root file system's tar and a name are needed");
	r->path = words[0];
	r->import.cmd = r->cmd.n ? r->cmd.items : NULL;
	r->import.entrypoint = r->entrypoint.n ? r->entrypoint.items : NULL;
	r->import.env = r->env.n ? r->env.items : NULL;
	return import_rootfs(store, r->path, r->ref, &r->import, ret, e);
}

static const struct command {
	const char *name;
	int (*run)(const struct store *store, struct request *r, int n, char **words,
		struct image_list *ret, struct err *e);
} commands[] = {
	{ "load", run_load },
	{ "import", run_import },
};

static const struct field row_fields[] = {
	FIELD(struct image_record, "name", FIELD_STRING, ref),
	FIELD(struct image_record, "id", FIELD_STRING, config),
	FIELD_LIST(struct image_record, "layers", FIELD_STRING, layers, n_layers, .always = true),
	FIELD(struct image_record, "size_bytes", FIELD_U64, size, .always = true),
	{ 0 },
};

static void print(const struct image_list *images, bool json)
{
	automatic(str) struct str out = { 0 };

	for (size_t i = 0; i < images->n; i++) {
		if (!json) {
			printf("%s %s\n", images->records[i].ref, images->records[i].config);
			continue;
		}
		str_add(&out, i ? ",\n" : "[");
		json_write(row_fields, &images->records[i], JSON_COMPACT, &out);
	}
	if (json)
		printf("%s]\n", out.data ? out.data : "[");
}

static const struct command *find_command(int argc, char **argv, struct err *e)
{
	if (optind >= argc) {
		err_say(e, ERR_USAGE, "a command is missing (load, import)");
		return NULL;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, argv[optind]) == 0)
			return &commands[i];
	err_say(e, ERR_USAGE, "unknown command '%s'", argv[optind]);
	return NULL;
}

static int perform(const struct command *command, struct request *r, int n, char **words,
	struct image_list *ret, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	struct bar bar = { 0 };

	if (isatty(STDERR_FILENO) && !r->quiet) {
		r->import.progress = show_bar;
		r->import.progress_data = &bar;
	}
	r->import.cancelled = &interrupted;
	int failed = store_open(r->store, STORE_CREATE, &store, e);
	if (failed < 0)
		return failed;
	confine_import();
	failed = command->run(&store, r, n, words, ret, e);
	clear_bar(&bar);
	return failed;
}

/* No SA_RESTART: what waits (for another import's lock) is to notice. */
static void watch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = note_interrupt };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

int main(int argc, char **argv)
{
	struct request request = { .store = STORE_DEFAULT };
	automatic(image_list) struct image_list images = { 0 };
	struct err e;

	log_open(&(struct log_options){ .name = "cow", .fd = -1 });
	watch_signals();
	int r = take_options(&request, argc, argv, "+", &e);
	const struct command *command = r < 0 ? NULL : find_command(argc, argv, &e);
	if (!command) {
		log_error(e.text);
		return 1;
	}
	argc -= optind;
	argv += optind;
	optind = 0; /* glibc: begin anew, with argv[0] as the sub-command's name */
	r = take_options(&request, argc, argv, "qi:e:w:u:", &e);
	if (r == 0)
		r = perform(command, &request, argc - optind, argv + optind, &images, &e);
	if (r < 0) {
		err_while(&e, "%s", command->name);
		log_error(e.text);
		return 1;
	}
	print(&images, request.json);
	return fflush(stdout) == 0 ? 0 : 1;
}
