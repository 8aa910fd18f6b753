/* cow images, rmi: what the store holds. */
#include <string.h>
#include <unistd.h>

#include "cmd/cow/commands.h"
#include "cmd/cow/sharing.h"
#include "cmd/json_list.h"
#include "cmd/table.h"
#include "cmd/times.h"
#include "overlay/image.h"
#include "spec/base/str.h"

struct images_words {
	bool quiet, json, sharing;
};

static const struct option_row options[] = {
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct images_words, quiet), NULL, "names alone" },
	{ "sharing", 0, OPTION_FLAG, offsetof(struct images_words, sharing), NULL,
		"what on disk is an image's own, and what it shares with which others" },
	{ "json", 0, OPTION_FLAG, offsetof(struct images_words, json), NULL, "for programs" },
	{ 0 },
};

static const struct field image_fields[] = {
	FIELD(struct image_record, "name", FIELD_STRING, ref),
	FIELD(struct image_record, "id", FIELD_STRING, config),
	FIELD(struct image_record, "size_bytes", FIELD_U64, size, .always = true),
	FIELD_LIST(struct image_record, "layers", FIELD_STRING, layers, n_layers, .always = true),
	FIELD(struct image_record, "created", FIELD_STRING, created),
	FIELD(struct image_record, "imported", FIELD_STRING, pulled_at),
	{ 0 },
};

static int print_table(const struct image_list *list, struct err *e)
{
	static const struct table_column columns[] = { { "NAME", TABLE_LEFT, 60 },
		{ "ID", TABLE_LEFT, 0 }, { "LAYERS", TABLE_RIGHT, 0 }, { "SIZE", TABLE_RIGHT, 0 },
		{ "IMPORTED", TABLE_LEFT, 0 }, { 0 } };
	automatic(table) struct table t = { .columns = columns, .bold = isatty(1) };

	for (size_t i = 0; i < list->n; i++) {
		const struct image_record *r = &list->records[i];
		char when[32];
		table_add(&t, r->ref);
		table_addf(&t, "%.12s", digest_hex(r->config));
		table_addf(&t, "%zu", r->n_layers);
		table_add_bytes(&t, (struct opt_u64){ true, r->size }, "");
		table_add(&t, time_ago_text(r->pulled_at, when));
	}
	return table_print(&t, stdout, isatty(1), e);
}

static int images_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	automatic(image_list) struct image_list list = { 0 };
	const struct images_words *w = data;

	(void)argc, (void)argv;
	if (w->quiet && w->sharing)
		return err_say(e, ERR_USAGE, "--quiet and --sharing: one at a time");
	int r = store_open(c->store, STORE_READ, &store, e);
	if (w->sharing)
		return r < 0 && r != -ENOENT ? r
					     : sharing_print(r == 0 ? &store : NULL, w->json, e);
	if (r == 0)
		r = image_list(&store, &list, e);
	if (r < 0 && r != -ENOENT) /* no store yet: no images */
		return r;
	if (w->json)
		return json_list_print(
			image_fields, list.records, list.n, sizeof(*list.records), e);
	for (size_t i = 0; w->quiet && i < list.n; i++)
		puts(list.records[i].ref);
	return w->quiet ? 0 : print_table(&list, e);
}

static int rmi_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;

	(void)data;
	int r = store_open(c->store, STORE_READ, &store, e);
	if (r == -ENOENT)
		return err_say(e, ERR_NO_IMAGE, "no image '%s': there is no store '%s'", argv[0],
			c->store);
	for (int i = 0; r == 0 && i < argc; i++) {
		struct image_removal removal = { 0 };
		char size[16];
		r = image_remove(&store, argv[i], &removal, e);
		if (r == 0)
			printf("%s: removed, with %zu layers (%s)\n", removal.name,
				removal.n_layers, str_human(removal.size, size));
		image_removal_done(&removal);
	}
	return r;
}

const struct command images_command = {
	.name = "images",
	.arguments = "[options]",
	.summary = "Lists the images.",
	.options = options,
	.options_size = sizeof(struct images_words),
	.run = images_run,
};

const struct command rmi_command = {
	.name = "rmi",
	.arguments = "IMAGE ...",
	.summary = "Removes images, and the layers that nothing else uses.",
	.min_words = 1,
	.max_words = -1,
	.owns = true,
	.run = rmi_run,
};
