/* cow tag: one more name of an image. */
#include "cmd/cow/commands.h"
#include "overlay/image.h"
#include "spec/base/log.h"

/* What only an image of the same name used before goes. */
static int publish(const struct store *store, const struct image_record *record, struct err *e)
{
	struct image_removal pruned = { 0 };
	bool replaces = image_exists(store, record->ref);
	struct err why;

	int r = image_publish(store, record, e);
	if (r == 0 && replaces && image_prune(store, &pruned, &why) < 0)
		log_warn("what image '%s' used before stays in the store: %s", record->ref,
			why.text);
	image_removal_done(&pruned);
	return r;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	automatic(image_record) struct image_record record = { 0 };
	char *name = NULL;

	(void)data, (void)argc;
	int r = image_name_for(argv[1], NULL, &name, e);
	if (r < 0)
		return r;
	r = store_open(c->store, STORE_READ, &store, e);
	if (r == -ENOENT)
		r = err_say(e, ERR_NO_IMAGE, "no image '%s': there is no store '%s'", argv[0],
			c->store);
	if (r == 0)
		r = image_find_record(&store, argv[0], &record, e);
	if (r < 0) {
		free(name);
		return r;
	}
	free(record.ref);
	record.ref = name;
	return publish(&store, &record, e);
}

const struct command tag_command = {
	.name = "tag",
	.arguments = "IMAGE NAME[:TAG]",
	.summary = "Gives an image one more name.",
	.min_words = 2,
	.max_words = 2,
	.owns = true,
	.run = run,
};
