/* cowrun state: what a container is, as JSON. */
#include <stdio.h>

#include "cmd/oci/commands.h"
#include "runtime/status.h"

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(str) struct str text = { 0 };
	automatic(state_doc) struct state_doc doc = { 0 };

	(void)data, (void)argc;
	int r = command_open_home(c, false, e);
	if (r == 0)
		r = container_state(&c->home, argv[0], &doc, e);
	if (r < 0)
		return r;
	state_write(&doc, JSON_INDENTED, &text);
	return puts(text.data ? text.data : "") < 0 ? err_set(e, EIO, "print the state") : 0;
}

const struct command state_command = {
	.name = "state",
	.arguments = "ID",
	.summary = "Prints the state of a container as JSON.",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
