/* A census as programs read it: JSON, and CSV of the same fields. */
#include "cmd/mem.h"

#include <errno.h>
#include <stdlib.h>

#include "spec/base/csv.h"
#include "spec/base/json.h"

/* What the host cannot tell is null: never 0, never absent. */
#define BYTES(type, key, member) FIELD(type, key, FIELD_OPT_U64, member, .always = true)

static const struct field share_fields[] = {
	FIELD(struct memory_share, "name", FIELD_STRING, name),
	FIELD(struct memory_share, "bytes", FIELD_U64, bytes, .always = true),
	{ 0 },
};

static const struct field kind_fields[] = {
	FIELD(struct memory_kind, "private_bytes", FIELD_U64, private_bytes, .always = true),
	FIELD(struct memory_kind, "shared_bytes", FIELD_U64, shared_bytes, .always = true),
	{ 0 },
};

#define KIND(key, member)                                                                          \
	FIELD(struct memory_kinds, key, FIELD_OBJECT, member, .inside = kind_fields, .always = true)

static const struct field kinds_fields[] = {
	KIND("anon", anon),
	KIND("forked", forked),
	KIND("file", file),
	KIND("shmem", shmem),
	KIND("ksm", ksm),
	KIND("hugetlb", hugetlb),
	{ 0 },
};

static const struct field usage_fields[] = {
	FIELD(struct memory_usage, "name", FIELD_STRING, name),
	FIELD(struct memory_usage, "id", FIELD_STRING, id),
	FIELD(struct memory_usage, "engine", FIELD_STRING, engine),
	FIELD(struct memory_usage, "template", FIELD_BOOL, is_template),
	FIELD(struct memory_usage, "host", FIELD_BOOL, is_host),
	FIELD(struct memory_usage, "processes", FIELD_U64, processes, .always = true),
	BYTES(struct memory_usage, "unique_bytes", unique),
	BYTES(struct memory_usage, "private_bytes", private),
	BYTES(struct memory_usage, "shared_bytes", shared),
	FIELD_LIST(struct memory_usage, "shared_with", FIELD_OBJECT, with, n_with,
		.inside = share_fields, .size = sizeof(struct memory_share), .always = true),
	BYTES(struct memory_usage, "shared_with_host_bytes", outside),
	BYTES(struct memory_usage, "kernel_bytes", kernel),
	BYTES(struct memory_usage, "page_table_bytes", page_tables),
	BYTES(struct memory_usage, "kernel_stack_bytes", kernel_stacks),
	BYTES(struct memory_usage, "private_cache_bytes", private_cache),
	BYTES(struct memory_usage, "unmapped_shmem_bytes", unmapped_shmem),
	BYTES(struct memory_usage, "monitor_bytes", monitor),
	BYTES(struct memory_usage, "cost_bytes", cost),
	BYTES(struct memory_usage, "swap_bytes", swap),
	BYTES(struct memory_usage, "swap_private_bytes", swap_private),
	BYTES(struct memory_usage, "swap_shared_bytes", swap_shared),
	BYTES(struct memory_usage, "large_page_bytes", large),
	FIELD(struct memory_usage, "pss_bytes", FIELD_OPT_U64, pss),
	BYTES(struct memory_usage, "charged_bytes", charged),
	BYTES(struct memory_usage, "limit_bytes", limit),
	FIELD(struct memory_usage, "kinds", FIELD_OBJECT_PTR, kinds, .inside = kinds_fields,
		.size = sizeof(struct memory_kinds), .always = true),
	{ 0 },
};

/* A process, and whose it is by name. */
struct process_row {
	char *container; /* the usage's */
	struct census_process p;
};

static const struct field process_fields[] = {
	FIELD(struct process_row, "container", FIELD_STRING, container),
	FIELD(struct process_row, "pid", FIELD_I32, p.pid),
	FIELD(struct process_row, "command", FIELD_STRING, p.command),
	FIELD(struct process_row, "threads", FIELD_U64, p.threads, .always = true),
	BYTES(struct process_row, "unique_bytes", p.unique),
	BYTES(struct process_row, "private_bytes", p.private),
	BYTES(struct process_row, "shared_bytes", p.shared),
	BYTES(struct process_row, "shared_inside_bytes", p.inside),
	BYTES(struct process_row, "page_table_bytes", p.page_tables),
	BYTES(struct process_row, "swap_bytes", p.swap),
	{ 0 },
};

static const struct field kind_row_fields[] = {
	FIELD(struct mem_kind_row, "container", FIELD_STRING, container),
	FIELD(struct mem_kind_row, "kind", FIELD_STRING, kind),
	BYTES(struct mem_kind_row, "private_bytes", private),
	BYTES(struct mem_kind_row, "shared_bytes", shared),
	{ 0 },
};

/* A file; who maps how much of it is a list of shares. */
struct file_row {
	struct census_file f; /* borrowed */
	struct memory_share *containers;
	size_t n_containers;
};

static const struct field file_fields[] = {
	FIELD(struct file_row, "path", FIELD_STRING, f.path, .always = true),
	FIELD(struct file_row, "layer", FIELD_STRING, f.layer, .always = true),
	FIELD_LIST(struct file_row, "containers", FIELD_OBJECT, containers, n_containers,
		.inside = share_fields, .size = sizeof(struct memory_share), .always = true),
	FIELD(struct file_row, "mapped_bytes", FIELD_U64, f.unique, .always = true),
	FIELD(struct file_row, "private_bytes", FIELD_U64, f.private, .always = true),
	FIELD(struct file_row, "shared_with_host_bytes", FIELD_U64, f.outside, .always = true),
	{ 0 },
};

static const struct field layer_fields[] = {
	FIELD(struct census_layer, "layer", FIELD_STRING, name),
	FIELD(struct census_layer, "digest", FIELD_STRING, digest, .always = true),
	FIELD_LIST(struct census_layer, "images", FIELD_STRING, images, n_images, .always = true),
	FIELD(struct census_layer, "containers", FIELD_U64, n_things, .always = true),
	FIELD(struct census_layer, "mapped_bytes", FIELD_U64, mapped, .always = true),
	BYTES(struct census_layer, "resident_bytes", resident),
	BYTES(struct census_layer, "unmapped_bytes", unmapped),
	{ 0 },
};

/* A row of CSV stands alone, so each says what its figures are worth. */
struct usage_row {
	struct memory_usage usage; /* borrowed */
	bool exact;
};

static const struct field usage_row_fields[] = {
	FIELD(struct usage_row, "", FIELD_OBJECT, usage, .inside = usage_fields),
	FIELD(struct usage_row, "exact", FIELD_BOOL, exact),
	{ 0 },
};

/* What is printed: the census, and rows made of it. */
struct document {
	struct census census; /* borrowed */
	struct process_row *processes;
	struct usage_row *usages;
	struct mem_kind_row *kinds;
	struct file_row *files;
	struct memory_share *shares; /* that the files' lists are cut from */
	size_t n_processes, n_usages, n_kinds, n_files;
};

#define FILES                                                                                      \
	FIELD_LIST(struct document, "files", FIELD_OBJECT, files, n_files, .inside = file_fields,  \
		.size = sizeof(struct file_row))
#define LAYERS                                                                                     \
	FIELD_LIST(struct document, "layers", FIELD_OBJECT, census.layers, census.n_layers,        \
		.inside = layer_fields, .size = sizeof(struct census_layer))

static const struct field document_fields[] = {
	FIELD(struct document, "exact", FIELD_BOOL, census.exact, .always = true),
	FIELD(struct document, "why", FIELD_STRING, census.why),
	FIELD(struct document, "estimated", FIELD_BOOL, census.estimated),
	FIELD_LIST(struct document, "containers", FIELD_OBJECT, census.usages, census.n_usages,
		.inside = usage_fields, .size = sizeof(struct memory_usage), .always = true),
	FIELD_LIST(struct document, "processes", FIELD_OBJECT, processes, n_processes,
		.inside = process_fields, .size = sizeof(struct process_row)),
	FILES,
	LAYERS,
	BYTES(struct document, "union_bytes", census.union_bytes),
	BYTES(struct document, "unshared_bytes", census.unshared_bytes),
	BYTES(struct document, "saved_bytes", census.saved_bytes),
	FIELD(struct document, "frozen", FIELD_U64, census.n_frozen, .always = true),
	FIELD(struct document, "frozen_ns", FIELD_U64, census.frozen_ns, .always = true),
	{ 0 },
};

/* Each a list of the document, and the rows of a file of CSV. */
static const struct field csv_lists[] = {
	[MEM_BY_CONTAINER] = FIELD_LIST(struct document, "containers", FIELD_OBJECT, usages,
		n_usages, .inside = usage_row_fields, .size = sizeof(struct usage_row)),
	[MEM_BY_PROCESS] = FIELD_LIST(struct document, "processes", FIELD_OBJECT, processes,
		n_processes, .inside = process_fields, .size = sizeof(struct process_row)),
	[MEM_BY_KIND] = FIELD_LIST(struct document, "kinds", FIELD_OBJECT, kinds, n_kinds,
		.inside = kind_row_fields, .size = sizeof(struct mem_kind_row)),
	[MEM_BY_FILE] = FILES,
	[MEM_BY_LAYER] = LAYERS,
};

static void document_done(struct document *d)
{
	free(d->processes);
	free(d->usages);
	free(d->kinds);
	free(d->files);
	free(d->shares);
}
DEFINE_AUTO(document, document_done)

static int fill_files(struct document *d, const struct census *c, struct err *e)
{
	size_t n_parts = 0;

	for (size_t i = 0; i < c->n_files; i++)
		n_parts += c->files[i].n_parts;
	d->files = calloc(c->n_files + 1, sizeof(*d->files));
	struct memory_share *next = d->shares = calloc(n_parts + 1, sizeof(*d->shares));
	if (!d->files || !next)
		return err_set(e, ENOMEM, "print %zu files", c->n_files);
	for (; d->n_files < c->n_files; d->n_files++) {
		const struct census_file *f = &c->files[d->n_files];
		d->files[d->n_files] = (struct file_row){ *f, next, f->n_parts };
		for (size_t i = 0; i < f->n_parts; i++)
			*next++ = (struct memory_share){ c->usages[f->parts[i].thing].name,
				f->parts[i].bytes };
	}
	return 0;
}

static int document_fill(struct document *d, const struct census *c, struct err *e)
{
	*d = (struct document){
		.census = *c,
		.processes = calloc(c->n_processes + 1, sizeof(*d->processes)),
		.usages = calloc(c->n_usages + 1, sizeof(*d->usages)),
	};
	if (!d->processes || !d->usages)
		return err_set(e, ENOMEM, "print %zu containers", c->n_usages);
	for (; d->n_processes < c->n_processes; d->n_processes++) {
		const struct census_process *p = &c->processes[d->n_processes];
		d->processes[d->n_processes] = (struct process_row){ c->usages[p->thing].name, *p };
	}
	for (; d->n_usages < c->n_usages; d->n_usages++)
		d->usages[d->n_usages] = (struct usage_row){ c->usages[d->n_usages], c->exact };
	int r = fill_files(d, c, e);
	return r < 0 ? r : mem_list_kinds(c, &d->kinds, &d->n_kinds, e);
}

static int print(FILE *to, const struct str *text, const char *end, struct err *e)
{
	if (!str_ok(text))
		return err_set(e, ENOMEM, "print a census");
	fprintf(to, "%s%s", text->data, end);
	return ferror(to) ? err_set(e, EIO, "print a census") : 0;
}

int mem_add_json(struct str *out, const struct census *c, enum json_style style, struct err *e)
{
	automatic(document) struct document d = { 0 };
	int r = document_fill(&d, c, e);

	if (r == 0)
		json_write(document_fields, &d, style, out);
	return r;
}

int mem_print_json(FILE *to, struct census *c, struct err *e)
{
	automatic(str) struct str text = { 0 };
	int r = census_rank(c, e);

	if (r == 0)
		r = mem_add_json(&text, c, JSON_INDENTED, e);
	return r < 0 ? r : print(to, &text, "\n", e);
}

int mem_print_csv(FILE *to, const struct census *c, enum mem_by by, struct err *e)
{
	automatic(document) struct document d = { 0 };
	automatic(str) struct str text = { 0 };
	int r = document_fill(&d, c, e);

	if (r < 0)
		return r;
	csv_write_list(&csv_lists[by], &d, &text);
	return print(to, &text, "", e);
}
