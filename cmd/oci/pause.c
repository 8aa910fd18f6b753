/* cowrun pause, resume: all processes of a container, frozen and thawed. */
#include "cmd/oci/commands.h"
#include "runtime/container.h"

static int pause_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	(void)data, (void)argc;
	int r = command_open_home(c, false, e);
	return r < 0 ? r : container_freeze(&c->home, argv[0], true, e);
}

static int resume_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	(void)data, (void)argc;
	int r = command_open_home(c, false, e);
	return r < 0 ? r : container_freeze(&c->home, argv[0], false, e);
}

const struct command pause_command = {
	.name = "pause",
	.arguments = "ID",
	.summary = "Freezes all processes of a container.",
	.min_words = 1,
	.max_words = 1,
	.run = pause_run,
};

const struct command resume_command = {
	.name = "resume",
	.arguments = "ID",
	.summary = "Lets a paused container go on.",
	.min_words = 1,
	.max_words = 1,
	.run = resume_run,
};
