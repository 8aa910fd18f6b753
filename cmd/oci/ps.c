/* cowrun ps: the processes of a container, as the host numbers them. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/oci/commands.h"
#include "runtime/container.h"
#include "spec/base/str.h"

struct ps_words {
	int format;
};

static const struct option_row options[] = {
	{ "format", 'f', OPTION_CHOICE, offsetof(struct ps_words, format), "table|json",
		"how to print them (table)" },
	{ 0 },
};

static void print_json(const pid_t *pids, size_t n)
{
	putchar('[');
	for (size_t i = 0; i < n; i++)
		printf("%s%d", i ? "," : "", (int)pids[i]);
	puts("]");
}

/* The column PID of the header; -1 when there is none. */
static int pid_column(const char *header)
{
	int column = 0;

	for (const char *at = header; *at; column++) {
		at += strspn(at, " \n");
		size_t n = strcspn(at, " \n");
		if (n == 3 && strncmp(at, "PID", 3) == 0)
			return column;
		at += n;
	}
	return -1;
}

static bool is_ours(const char *line, int column, const pid_t *pids, size_t n)
{
	for (; column > 0; column--) {
		line += strspn(line, " ");
		line += strcspn(line, " ");
	}
	long pid = strtol(line, NULL, 10);
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* What the host's ps prints, its header and our lines of it. */
static int print_table(const pid_t *pids, size_t n, char **words, struct err *e)
{
	automatic(str) struct str command = { 0 };
	autofree char *line = NULL;
	size_t room = 0;
	int column = -1;

	str_add(&command, "exec ps");
	for (; *words; words++) {
		/* Words of our own command line, for ps and no shell: quoted whole. */
		str_add(&command, " '");
		for (const char *at = *words; *at; at++)
			str_add(&command, *at == '\'' ? "'\\''" : (char[]){ *at, 0 });
		str_add(&command, "'");
	}
	FILE *ps = popen(command.data, "re");
	if (!ps)
		return err_set(e, errno, "run ps");
	for (bool header = true; getline(&line, &room, ps) > 0; header = false) {
		if (header)
			column = pid_column(line);
		if (header || (column >= 0 && is_ours(line, column, pids, n)))
			fputs(line, stdout);
	}
	int status = pclose(ps);
	if (column < 0 || status != 0)
		return err_say(e, EINVAL, "run ps: it printed no column PID (status %d)",
			WEXITSTATUS(status));
	return 0;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	static char all[] = "-ef", *usual[] = { all, NULL };
	const struct ps_words *w = data;
	autofree pid_t *pids = NULL;
	size_t n = 0;

	int r = command_open_home(c, false, e);
	if (r == 0)
		r = container_processes(&c->home, argv[0], &pids, &n, e);
	if (r < 0)
		return r;
	if (w->format == LISTING_JSON)
		print_json(pids, n);
	else
		r = print_table(pids, n, argc > 1 ? argv + 1 : usual, e);
	return r;
}

const struct command ps_command = {
	.name = "ps",
	.arguments = "[options] ID [options of ps]",
	.summary = "Shows the processes of a container.",
	.options = options,
	.options_size = sizeof(struct ps_words),
	.min_words = 1,
	.max_words = -1,
	.run = run,
};
