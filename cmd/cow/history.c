/* cow history: how the layers of an image came to be. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cow/commands.h"
#include "cmd/json_list.h"
#include "cmd/table.h"
#include "cmd/times.h"
#include "overlay/image.h"
#include "overlay/layer.h"

struct history_words {
	bool json, whole;
};

static const struct option_row options[] = {
	{ "no-trunc", 0, OPTION_FLAG, offsetof(struct history_words, whole), NULL,
		"commands at their whole length" },
	{ "json", 0, OPTION_FLAG, offsetof(struct history_words, json), NULL, "for programs" },
	{ 0 },
};

struct history_row {
	char *created, *created_by, *author, *comment;
	char *layer; /* its digest; NULL: none, a change of the config alone */
	struct opt_u64 size;
};

static const struct field row_fields[] = {
	FIELD(struct history_row, "created", FIELD_STRING, created),
	FIELD(struct history_row, "created_by", FIELD_STRING, created_by),
	FIELD(struct history_row, "author", FIELD_STRING, author),
	FIELD(struct history_row, "comment", FIELD_STRING, comment),
	FIELD(struct history_row, "layer", FIELD_STRING, layer),
	FIELD(struct history_row, "size_bytes", FIELD_OPT_U64, size, .always = true),
	{ 0 },
};

static struct opt_u64 size_of(const struct store *store, const char *layer)
{
	automatic(layer_meta) struct layer_meta meta = { 0 };
	struct err ignored;

	if (!layer)
		return (struct opt_u64){ true, 0 };
	if (layer_read(store, layer, &meta, &ignored) < 0)
		return (struct opt_u64){ 0 };
	return (struct opt_u64){ true, meta.size };
}

/*
 * The entries with a layer and the layers belong together in their order; where there are more
 * layers than that, nothing is told of these. Newest first. The strings are the config's.
 */
static size_t fill(
	const struct store *store, const struct image_config *config, struct history_row *rows)
{
	size_t n = 0, layer = 0;

	for (size_t i = 0; i < config->n_history; i++) {
		const struct image_history *h = &config->history[i];
		bool has_layer = !h->empty_layer && layer < config->n_diff_ids;
		rows[n++] = (struct history_row){ h->created, h->created_by, h->author, h->comment,
			has_layer ? config->diff_ids[layer++] : NULL, { 0 } };
	}
	for (; layer < config->n_diff_ids; layer++)
		rows[n++] = (struct history_row){ .layer = config->diff_ids[layer] };
	for (size_t i = 0; i < n; i++)
		rows[i].size = size_of(store, rows[i].layer);
	for (size_t i = 0; i < n / 2; i++) {
		struct history_row kept = rows[i];
		rows[i] = rows[n - 1 - i];
		rows[n - 1 - i] = kept;
	}
	return n;
}

static int print_table(
	const struct history_row *rows, size_t n, const struct history_words *w, struct err *e)
{
	static const struct table_column columns[] = { { "CREATED", TABLE_LEFT, 0 },
		{ "CREATED BY", TABLE_LEFT, 0 }, { "SIZE", TABLE_RIGHT, 0 },
		{ "COMMENT", TABLE_LEFT, 60 }, { 0 } };
	automatic(table) struct table t = { .columns = columns, .bold = isatty(1) };

	for (size_t i = 0; i < n; i++) {
		const char *by = rows[i].created_by ? rows[i].created_by : "";
		char when[32];
		table_add(&t, time_ago_text(rows[i].created, when));
		if (w->whole || strlen(by) <= 45)
			table_add(&t, by);
		else
			table_addf(&t, "%.42s...", by);
		table_add_bytes(&t, rows[i].size, "");
		table_add(&t, rows[i].comment);
	}
	return table_print(&t, stdout, isatty(1) && !w->whole, e);
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	automatic(image) struct image image = { 0 };
	const struct history_words *w = data;

	(void)argc;
	int r = store_open(c->store, STORE_READ, &store, e);
	if (r == -ENOENT)
		return err_say(e, ERR_NO_IMAGE, "no image '%s': there is no store '%s'", argv[0],
			c->store);
	if (r == 0)
		r = image_find(&store, argv[0], &image, e);
	if (r < 0)
		return r;
	autofree struct history_row *rows =
		calloc(image.config.n_history + image.config.n_diff_ids + 1, sizeof(*rows));
	if (!rows)
		return err_set(e, ENOMEM, "list the history");
	size_t n = fill(&store, &image.config, rows);
	return w->json ? json_list_print(row_fields, rows, n, sizeof(*rows), e)
		       : print_table(rows, n, w, e);
}

const struct command history_command = {
	.name = "history",
	.arguments = "[options] IMAGE",
	.summary = "Lists how the layers of an image came to be, the newest first.",
	.options = options,
	.options_size = sizeof(struct history_words),
	.min_words = 1,
	.max_words = 1,
	.mixed = true,
	.run = run,
};
