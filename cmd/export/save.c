/* cow save: images as one archive. */
#include <unistd.h>

#include "cmd/export/commands.h"
#include "cmd/export/outlet.h"
#include "overlay/confine.h"
#include "overlay/save.h"

struct save_words {
	const char *output;
};

static const struct option_row options[] = {
	{ "output", 'o', OPTION_TEXT, offsetof(struct save_words, output), "FILE",
		"where to; else to standard output" },
	{ 0 },
};

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	automatic(outlet) struct outlet outlet = OUTLET_NONE;
	const struct save_words *w = data;

	int r = store_open(c->store, STORE_READ, &store, e);
	if (r == -ENOENT)
		return err_say(e, ERR_NO_IMAGE, "no image '%s': there is no store '%s'", argv[0],
			c->store);
	if (r == 0)
		r = outlet_open(w->output, &outlet, e);
	if (r < 0)
		return r;
	confine_import();
	r = save_images(&store, argv, (size_t)argc, outlet_write, &outlet, e);
	return r < 0 ? r : outlet_finish(&outlet, e);
}

const struct command save_command = {
	.name = "save",
	.arguments = "[options] IMAGE ...",
	.summary =
		"Writes images as one archive, which is an OCI image layout and what 'docker save'\n"
		"writes at once: 'cow load', podman, Docker, skopeo and others read it.",
	.options = options,
	.options_size = sizeof(struct save_words),
	.min_words = 1,
	.max_words = -1,
	.mixed = true,
	.run = run,
};
