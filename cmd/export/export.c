/* cow export: the files of a container, or of an image, as one tar. */
#include <errno.h>

#include "cmd/export/commands.h"
#include "cmd/export/outlet.h"
#include "overlay/confine.h"
#include "overlay/pack.h"
#include "runtime/written.h"
#include "spec/id.h"

struct export_words {
	const char *output;
};

static const struct option_row options[] = {
	{ "output", 'o', OPTION_TEXT, offsetof(struct export_words, output), "FILE",
		"where to; else to standard output" },
	{ 0 },
};

static int pack_all(struct changes *changes, const char *output, struct err *e)
{
	automatic(outlet) struct outlet outlet = OUTLET_NONE;
	int r = outlet_open(output, &outlet, e);

	if (r < 0)
		return r;
	confine_import();
	changes->everything = true;
	r = pack_changes(changes, outlet_write, &outlet, e);
	return r < 0 ? r : outlet_finish(&outlet, e);
}

static int export_container(struct context *c, const char *name, const char *output, struct err *e)
{
	automatic(written) struct written written = WRITTEN_NONE;
	int r = command_open_home(c, false, e);

	if (r == 0)
		r = written_open(&c->home, name, &written, e);
	return r < 0 ? r : pack_all(&written.changes, output, e);
}

/* Under the store's lock: an image has nobody who keeps its layers while they are read. */
static int export_image(
	const struct context *c, const char *name, const char *output, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	automatic(image) struct image image = { 0 };
	struct changes changes = { .own = -1 };
	autofd int lock = -1, view = -1;

	int r = store_open(c->store, STORE_READ, &store, e);
	if (r == -ENOENT)
		return err_say(e, ERR_NO_IMAGE, "no container and no image '%s'", name);
	if (r == 0)
		r = store_lock(&store, STORE_SHARED, &lock, e);
	if (r == 0)
		r = image_find(&store, name, &image, e);
	if (r == -ERR_NO_IMAGE)
		return err_say(e, ERR_NO_IMAGE, "no container and no image '%s'", name);
	if (r == 0)
		r = stack_view(&store, &image, &view, e);
	changes.image = view;
	return r < 0 ? r : pack_all(&changes, output, e);
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct export_words *w = data;
	int r = -ERR_NO_CONTAINER;

	(void)argc;
	if (id_check(argv[0], e) == 0)
		r = export_container(c, argv[0], w->output, e);
	return r == -ERR_NO_CONTAINER ? export_image(c, argv[0], w->output, e) : r;
}

const struct command export_command = {
	.name = "export",
	.arguments = "[options] CONTAINER|IMAGE",
	.summary = "Writes the files of a container, or of an image, as one tar.",
	.options = options,
	.options_size = sizeof(struct export_words),
	.min_words = 1,
	.max_words = 1,
	.mixed = true,
	.run = run,
};
