/* cowrun kill: a signal to a container. */
#include "cmd/oci/commands.h"
#include "cmd/signals.h"
#include "runtime/container.h"

struct kill_words {
	bool all;
};

static const struct option_row options[] = {
	{ "all", 'a', OPTION_FLAG, offsetof(struct kill_words, all), NULL, "every process in it" },
	{ 0 },
};

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct kill_words *w = data;
	int signal;

	int r = signal_parse(argc > 1 ? argv[1] : "TERM", &signal, e);
	if (r == 0)
		r = command_open_home(c, false, e);
	return r < 0 ? r : container_kill(&c->home, argv[0], signal, w->all, e);
}

const struct command kill_command = {
	.name = "kill",
	.arguments = "[options] ID [SIGNAL]",
	.summary = "Sends a signal (SIGTERM) to a container's first process.",
	.options = options,
	.options_size = sizeof(struct kill_words),
	.min_words = 1,
	.max_words = 2,
	.run = run,
};
