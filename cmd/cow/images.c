/* cow images, rmi: what the store holds. */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cow/commands.h"
#include "cmd/cow/sharing.h"
#include "cmd/json_list.h"
#include "cmd/table.h"
#include "cmd/times.h"
#include "overlay/weight.h"
#include "spec/base/str.h"

struct images_words {
	bool quiet, json, sharing, digests;
};

static const struct option_row options[] = {
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct images_words, quiet), NULL, "names alone" },
	{ "sharing", 0, OPTION_FLAG, offsetof(struct images_words, sharing), NULL,
		"what on disk is an image's own, and what it shares with which others" },
	{ "digests", 0, OPTION_FLAG, offsetof(struct images_words, digests), NULL,
		"those of their manifests too" },
	{ "json", 0, OPTION_FLAG, offsetof(struct images_words, json), NULL, "for programs" },
	{ 0 },
};

struct image_row {
	struct image_record record; /* the list's */
	struct weight weight;
};

static const struct field image_fields[] = {
	FIELD(struct image_row, "name", FIELD_STRING, record.ref),
	FIELD(struct image_row, "id", FIELD_STRING, record.config),
	FIELD(struct image_row, "digest", FIELD_STRING, record.manifest),
	FIELD(struct image_row, "size_bytes", FIELD_U64, record.size, .always = true),
	FIELD(struct image_row, "own_bytes", FIELD_U64, weight.own, .always = true),
	FIELD(struct image_row, "shared_bytes", FIELD_U64, weight.shared, .always = true),
	FIELD_LIST(struct image_row, "layers", FIELD_STRING, record.layers, record.n_layers,
		.always = true),
	FIELD(struct image_row, "created", FIELD_STRING, record.created),
	FIELD(struct image_row, "imported", FIELD_STRING, record.pulled_at),
	{ 0 },
};

/* "debian", "debian:12", "example.org/team/debian" and "*deb*" all mean example.org/team/debian:12. */
static bool is_meant(const char *name, const char *pattern)
{
	const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
	int untagged = (int)(last - name) + (int)strcspn(last, ":@");
	autofree char *short_name = str_format("%.*s", untagged, name);

	if (fnmatch(pattern, name, 0) == 0 || fnmatch(pattern, last, 0) == 0)
		return true;
	return short_name && (fnmatch(pattern, short_name, 0) == 0 ||
				     fnmatch(pattern, short_name + (last - name), 0) == 0);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	bool wanted = argc == 0;

	for (int i = 0; i < argc && !wanted; i++)
		wanted = is_meant(name, argv[i]);
	return wanted;
}

static int print_table(const struct image_row *rows, size_t n, bool digests, struct err *e)
{
	struct table_column columns[] = { { "NAME", TABLE_LEFT, 60 }, { "ID", TABLE_LEFT, 0 },
		{ "LAYERS", TABLE_RIGHT, 0 }, { "SIZE", TABLE_RIGHT, 0 }, { "OWN", TABLE_RIGHT, 0 },
		{ "SHARED", TABLE_RIGHT, 0 }, { "IMPORTED", TABLE_LEFT, 0 },
		{ digests ? "DIGEST" : NULL, TABLE_LEFT, 0 }, { 0 } };
	automatic(table) struct table t = { .columns = columns, .bold = isatty(1) };

	for (size_t i = 0; i < n; i++) {
		const struct image_record *r = &rows[i].record;
		char when[32];
		table_add(&t, r->ref);
		table_addf(&t, "%.12s", digest_hex(r->config));
		table_addf(&t, "%zu", r->n_layers);
		table_add_bytes(&t, (struct opt_u64){ true, r->size }, "");
		table_add_bytes(&t, (struct opt_u64){ true, rows[i].weight.own }, "");
		table_add_bytes(&t, (struct opt_u64){ true, rows[i].weight.shared }, "");
		table_add(&t, time_ago_text(r->pulled_at, when));
		if (digests)
			table_add(&t, r->manifest);
	}
	return table_print(&t, stdout, isatty(1), e);
}

static int print_images(const struct store *store, const struct image_list *list,
	const struct images_words *w, int argc, char **argv, struct err *e)
{
	autofree struct image_row *rows = calloc(list->n + 1, sizeof(*rows));
	autofree struct weight *weights = NULL;
	size_t n = 0;

	int r = rows ? weights_read(store, list, &weights, e) : err_set(e, ENOMEM, "list images");
	if (r < 0 || !weights)
		return r;
	for (size_t i = 0; i < list->n; i++)
		if (is_wanted(list->records[i].ref, argc, argv))
			rows[n++] = (struct image_row){ list->records[i], weights[i] };
	for (size_t i = 0; w->quiet && i < n; i++)
		puts(rows[i].record.ref);
	if (w->quiet)
		return 0;
	return w->json ? json_list_print(image_fields, rows, n, sizeof(*rows), e)
		       : print_table(rows, n, w->digests, e);
}

static int images_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	automatic(image_list) struct image_list list = { 0 };
	const struct images_words *w = data;

	if (w->sharing && (w->quiet || argc))
		return err_say(e, ERR_USAGE, "--sharing and %s: one at a time",
			w->quiet ? "--quiet" : "names");
	int r = store_open(c->store, STORE_READ, &store, e);
	if (w->sharing)
		return r < 0 && r != -ENOENT ? r
					     : sharing_print(r == 0 ? &store : NULL, w->json, e);
	if (r == 0)
		r = image_list(&store, &list, e);
	if (r < 0 && r != -ENOENT) /* no store yet: no images */
		return r;
	return print_images(&store, &list, w, argc, argv, e);
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
	.arguments = "[options] [NAME ...]",
	.summary = "Lists the images.",
	.options = options,
	.options_size = sizeof(struct images_words),
	.max_words = -1,
	.mixed = true,
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
