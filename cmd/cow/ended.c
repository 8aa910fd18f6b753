/* cow ended: what a monitor becomes when its container has ended. Not for people. */
#include <stdlib.h>

#include "cmd/cow/commands.h"
#include "runtime/launch.h"

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	(void)data, (void)argc;
	int r = command_open_home(c, false, e);
	return r < 0 ? r
		     : launch_ended(&c->home, argv[0], 0, (int)strtol(argv[1], NULL, 10), NULL, e);
}

const struct command ended_command = {
	.name = "ended",
	.arguments = "ID STATUS",
	.min_words = 2,
	.max_words = 2,
	.run = run,
};
