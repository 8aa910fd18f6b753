/* cowrun start: the program of a created container. */
#include "cmd/oci/commands.h"
#include "runtime/container.h"

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	(void)data, (void)argc;
	int r = command_open_home(c, false, e);
	return r < 0 ? r : container_start(&c->home, argv[0], e);
}

const struct command start_command = {
	.name = "start",
	.arguments = "ID",
	.summary = "Starts the program of a created container.",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
