/* cowrun delete: what a container had, removed. */
#include "cmd/oci/commands.h"
#include "runtime/container.h"

struct delete_words {
	bool force;
};

static const struct option_row options[] = {
	{ "force", 'f', OPTION_FLAG, offsetof(struct delete_words, force), NULL,
		"kill it first; no error when there is none" },
	{ 0 },
};

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	struct delete_words *w = data;
	bool help;

	/* `delete ID --force` is how many write it. */
	int words = options_parse(options, argc - 1, argv + 1, w, &help, e);
	if (words < 0)
		return words;
	int r = command_open_home(c, false, e);
	return r < 0 ? r : container_delete(&c->home, argv[0], w->force, c->store, e);
}

const struct command delete_command = {
	.name = "delete",
	.arguments = "[options] ID",
	.summary = "Removes a container that has ended.",
	.options = options,
	.options_size = sizeof(struct delete_words),
	.min_words = 1,
	.max_words = 2,
	.run = run,
};
