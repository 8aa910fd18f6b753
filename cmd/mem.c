/* A census as people read it: table, matrix, legend. */
#include "cmd/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/table.h"
#include "spec/base/str.h"

/* Of those that share with a container, so many are named. */
#define N_NAMED 2

static const struct table_column columns[] = {
	{ "CONTAINER", TABLE_LEFT, 32 },
	{ "ENGINE", TABLE_LEFT, 0 }, /* only where there are others than ours */
	{ "PROCS", TABLE_RIGHT, 0 },
	{ "UNIQUE", TABLE_RIGHT, 0 },
	{ "PRIVATE", TABLE_RIGHT, 0 },
	{ "SHARED", TABLE_RIGHT, 0 },
	{ "WITH", TABLE_LEFT, 32 },
	{ "KERNEL", TABLE_RIGHT, 0 },
	{ "COST", TABLE_RIGHT, 0 },
	{ "CHARGED", TABLE_RIGHT, 0 },
	{ "LIMIT", TABLE_RIGHT, 0 },
	{ 0 },
};

enum { N_COLUMNS = sizeof(columns) / sizeof(columns[0]), COLUMN_ENGINE = 1 };

const struct mem_kind mem_kinds[MEM_KINDS] = {
	{ "anon", offsetof(struct memory_kinds, anon) },
	{ "forked", offsetof(struct memory_kinds, forked) },
	{ "file", offsetof(struct memory_kinds, file) },
	{ "shmem", offsetof(struct memory_kinds, shmem) },
	{ "ksm", offsetof(struct memory_kinds, ksm) },
	{ "hugetlb", offsetof(struct memory_kinds, hugetlb) },
};

const struct mem_word mem_legend[] = {
	{ "ENGINE", "whose container it is, by the path of its cgroup" },
	{ "UNIQUE", "pages that its processes map, each once" },
	{ "PRIVATE",
		"of these, mapped by nobody else: what its end would free (a file's stay as cache)" },
	{ "SHARED", "of these, mapped by others too" },
	{ "WITH", "who these are, who shares most first (host: processes of no container)" },
	{ "KERNEL", "page tables, kernel stacks, and other kernel memory where the host tells" },
	{ "COST", "private + kernel + unmapped page cache and tmpfs of its own + its monitor" },
	{ "CHARGED", "the memory controller's bill: who touches a page first pays for all" },
	{ "LIMIT", "what the memory controller lets it be charged" },
	{ "~", "an estimate: page frames are not told to us" },
	{ "-", "the host cannot tell" },
	{ 0 },
};

void mem_print_legend(FILE *to)
{
	for (const struct mem_word *w = mem_legend; w->word; w++)
		fprintf(to, "%-8s  %s\n", w->word, w->meaning);
}

/*
 * The most of what others share with a container, most first; the host is one of them. Found in one
 * go over the row: ranking all of them (census_rank) is for those who print all.
 */
struct sharers {
	struct memory_share named[N_NAMED];
	size_t n; /* of all */
};

static void add_sharer(struct sharers *s, char *name, uint64_t bytes)
{
	struct memory_share now = { name, bytes };

	if (!bytes)
		return;
	s->n++;
	for (size_t i = 0; i < N_NAMED; i++) {
		if (now.bytes <= s->named[i].bytes)
			continue;
		struct memory_share next = s->named[i];
		s->named[i] = now;
		now = next;
	}
}

static void add_with(struct table *t, const struct census *c, size_t i)
{
	static char host[] = "host";
	struct sharers sharers = { 0 };
	automatic(str) struct str text = { 0 };

	for (size_t j = 0; j < c->n_usages; j++)
		if (j != i)
			add_sharer(&sharers, c->usages[j].name, census_shared(c, i, j).value);
	add_sharer(&sharers, host, c->usages[i].outside.value);
	for (size_t n = 0; n < N_NAMED && sharers.named[n].bytes; n++)
		str_addf(&text, "%s%s", n ? " " : "", sharers.named[n].name);
	if (sharers.n > N_NAMED)
		str_addf(&text, " +%zu", sharers.n - N_NAMED);
	table_add(t, text.data);
	t->failed |= text.failed;
}

static bool has_engines(const struct census *c)
{
	for (size_t i = 0; i < c->n_usages; i++)
		if (c->usages[i].engine && !str_equal(c->usages[i].engine, "cowrun"))
			return true;
	return false;
}

static void add_row(struct table *t, const struct census *c, size_t i, bool engines)
{
	const struct memory_usage *u = &c->usages[i];
	const char *about = c->estimated ? "~" : "";

	table_add(t, u->name);
	if (engines)
		table_add(t, u->engine);
	table_addf(t, "%zu", (size_t)u->processes);
	table_add_bytes(t, u->unique, about);
	table_add_bytes(t, u->private, about);
	table_add_bytes(t, u->shared, about);
	add_with(t, c, i);
	table_add_bytes(t, u->kernel, "");
	table_add_bytes(t, u->cost, about);
	table_add_bytes(t, u->charged, "");
	/* What no machine has is no limit. */
	bool limited = u->limit.set && u->limit.value < UINT64_MAX >> 1;
	table_add_bytes(t, limited ? u->limit : (struct opt_u64){ 0 }, "");
}

static void print_count(FILE *to, const struct census *c)
{
	size_t templates = 0, hosts = 0;

	for (size_t i = 0; i < c->n_usages; i++) {
		templates += c->usages[i].is_template;
		hosts += c->usages[i].is_host;
	}
	size_t containers = c->n_usages - templates - hosts;
	fprintf(to, "%zu container%s", containers, containers == 1 ? "" : "s");
	if (templates)
		fprintf(to, " and %zu template%s", templates, templates == 1 ? "" : "s");
}

/* The last line: one sentence of sums, and one that says what they are worth. */
void mem_print_summary(FILE *to, const struct census *c)
{
	const char *about = c->estimated ? "about " : "";
	char text[16];

	print_count(to, c);
	if (c->union_bytes.set)
		fprintf(to, ": %s%s in all", about, str_human(c->union_bytes.value, text));
	if (c->saved_bytes.set) {
		uint64_t apart = c->unshared_bytes.value, saved = c->saved_bytes.value;
		fprintf(to, ", %s%s without sharing", about, str_human(apart, text));
		fprintf(to, ", %s saved", str_human(saved, text));
		if (apart)
			fprintf(to, " (%.0f %%)", 100.0 * (double)saved / (double)apart);
	}
	if (c->exact)
		fputs(". Exact.\n", to);
	else
		fprintf(to, ". %s: %s.\n", c->estimated ? "Estimates" : "Not exact", c->why);
}

int mem_print_table(FILE *to, const struct census *c, bool terminal, struct err *e)
{
	struct table_column some[N_COLUMNS];
	automatic(table) struct table t = { .columns = some, .bold = terminal };
	bool engines = has_engines(c);

	for (size_t i = 0, n = 0; i < N_COLUMNS; i++)
		if (i != COLUMN_ENGINE || engines)
			some[n++] = columns[i];
	for (size_t i = 0; i < c->n_usages; i++)
		add_row(&t, c, i, engines);
	int r = table_print(&t, to, terminal, e);
	if (r == 0)
		mem_print_summary(to, c);
	return r;
}

int mem_print_matrix(FILE *to, const struct census *c, bool terminal, struct err *e)
{
	autofree struct table_column *named = calloc(c->n_usages + 3, sizeof(*named));
	automatic(table) struct table t = { .columns = named, .bold = terminal };

	if (!named)
		return err_set(e, ENOMEM, "print what %zu containers share", c->n_usages);
	named[0] = (struct table_column){ "", TABLE_LEFT, 32 };
	for (size_t i = 0; i < c->n_usages; i++)
		named[i + 1] = (struct table_column){ c->usages[i].name, TABLE_RIGHT, 0 };
	named[c->n_usages + 1] = (struct table_column){ "host", TABLE_RIGHT, 0 };
	for (size_t i = 0; i < c->n_usages; i++) {
		table_add(&t, c->usages[i].name);
		for (size_t j = 0; j < c->n_usages; j++)
			table_add_bytes(&t, census_shared(c, i, j), "");
		table_add_bytes(&t, c->usages[i].outside, "");
	}
	return table_print(&t, to, terminal, e);
}
