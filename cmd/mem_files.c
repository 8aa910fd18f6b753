/* A census by files and by layers. */
#include "cmd/mem.h"

#include <inttypes.h>

#include "cmd/table.h"
#include "spec/base/str.h"

#define N_NAMED 2 /* images of a layer, by name */

static struct opt_u64 known(uint64_t value)
{
	return (struct opt_u64){ true, value };
}

static const struct table_column file_columns[] = {
	{ "FILE", TABLE_LEFT, 48 },
	{ "LAYER", TABLE_LEFT, 0 },
	{ "CONTAINERS", TABLE_RIGHT, 0 },
	{ "MAPPED", TABLE_RIGHT, 0 },
	{ "PRIVATE", TABLE_RIGHT, 0 },
	{ 0 },
};

int mem_print_files(FILE *to, const struct census *c, bool terminal, struct err *e)
{
	automatic(table) struct table t = { .columns = file_columns, .bold = terminal };
	size_t shown = terminal && c->n_files > MEM_FILES_SHOWN ? MEM_FILES_SHOWN : c->n_files;
	uint64_t mapped = 0;
	char text[16];

	for (size_t i = 0; i < c->n_files; i++) {
		const struct census_file *f = &c->files[i];
		mapped += f->unique;
		if (i >= shown)
			continue;
		table_add(&t, f->path);
		table_add(&t, f->layer);
		table_addf(&t, "%zu", f->n_parts);
		table_add_bytes(&t, known(f->unique), "");
		table_add_bytes(&t, known(f->private), "");
	}
	int r = table_print(&t, to, terminal, e);
	if (r < 0)
		return r;
	if (shown < c->n_files)
		fprintf(to, "%zu more; into a pipe all are printed.\n", c->n_files - shown);
	fprintf(to, "%zu files: %s mapped.\n", c->n_files, str_human(mapped, text));
	return 0;
}

static const struct table_column layer_columns[] = {
	{ "LAYER", TABLE_LEFT, 0 },
	{ "IMAGES", TABLE_LEFT, 40 },
	{ "CONTAINERS", TABLE_RIGHT, 0 },
	{ "MAPPED", TABLE_RIGHT, 0 },
	{ "RESIDENT", TABLE_RIGHT, 0 },
	{ "UNMAPPED", TABLE_RIGHT, 0 },
	{ 0 },
};

static void add_images(struct table *t, const struct census_layer *l)
{
	automatic(str) struct str text = { 0 };

	for (size_t i = 0; i < l->n_images && i < N_NAMED; i++)
		str_addf(&text, "%s%s", i ? " " : "", l->images[i]);
	if (l->n_images > N_NAMED)
		str_addf(&text, " +%zu", l->n_images - N_NAMED);
	table_add(t, text.data);
	t->failed |= text.failed;
}

int mem_print_layers(FILE *to, const struct census *c, bool terminal, struct err *e)
{
	automatic(table) struct table t = { .columns = layer_columns, .bold = terminal };

	for (size_t i = 0; i < c->n_layers; i++) {
		const struct census_layer *l = &c->layers[i];
		table_add(&t, l->name);
		add_images(&t, l);
		table_addf(&t, "%" PRIu64, l->n_things);
		table_add_bytes(&t, known(l->mapped), "");
		table_add_bytes(&t, l->resident, "");
		table_add_bytes(&t, l->unmapped, "");
	}
	return table_print(&t, to, terminal, e);
}
