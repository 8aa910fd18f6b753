/* A census by processes and by kinds of memory. */
#include "cmd/mem.h"

#include <errno.h>
#include <stdlib.h>

#include "cmd/measured.h"
#include "cmd/table.h"

unsigned mem_details(enum mem_by by)
{
	static const unsigned details[] = { [MEM_BY_PROCESS] = CENSUS_PROCESSES,
		[MEM_BY_KIND] = 0,
		[MEM_BY_FILE] = CENSUS_FILES,
		[MEM_BY_LAYER] = CENSUS_FILES | MEASURED_LAYERS };

	return details[by];
}

/* --- by kind --------------------------------------------------------------------------------- */

#define KIND(word, member)                                                                         \
	{                                                                                          \
		word, offsetof(struct memory_kinds, member)                                        \
	}

static const struct {
	const char *word; /* as JSON has it */
	size_t offset;
} kinds[] = {
	KIND("anon", anon),
	KIND("forked", forked),
	KIND("file", file),
	KIND("shmem", shmem),
	KIND("ksm", ksm),
	KIND("hugetlb", hugetlb),
};

/* What is mapped by no process: a container's own, all of it. */
#define OWN(word, member)                                                                          \
	{                                                                                          \
		word, offsetof(struct memory_usage, member)                                        \
	}

static const struct {
	const char *word;
	size_t offset;
} own_kinds[] = {
	OWN("page_table", page_tables),
	OWN("kernel_stack", kernel_stacks),
	OWN("private_cache", private_cache),
	OWN("monitor", monitor),
};

enum {
	N_KINDS = sizeof(kinds) / sizeof(kinds[0]),
	N_OWN = sizeof(own_kinds) / sizeof(own_kinds[0]),
	N_ROWS = N_KINDS + N_OWN + 2, /* other kernel memory, swap */
};

static struct opt_u64 known(uint64_t value)
{
	return (struct opt_u64){ true, value };
}

/* Rows of nothing are left out. */
static void add_kind(struct mem_kind_row *rows, size_t *n, const struct memory_usage *u,
	const char *kind, struct opt_u64 private, struct opt_u64 shared)
{
	if (private.value || shared.value)
		rows[(*n)++] = (struct mem_kind_row){ u->name, (char *)kind, private, shared };
}

static void list_kinds(const struct memory_usage *u, struct mem_kind_row *rows, size_t *n)
{
	for (size_t i = 0; u->kinds && i < N_KINDS; i++) {
		const void *at = (const char *)u->kinds + kinds[i].offset;
		const struct memory_kind *kind = at;
		add_kind(rows, n, u, kinds[i].word, known(kind->private_bytes),
			known(kind->shared_bytes));
	}
	for (size_t i = 0; i < N_OWN; i++) {
		const void *at = (const char *)u + own_kinds[i].offset;
		add_kind(rows, n, u, own_kinds[i].word, *(const struct opt_u64 *)at, known(0));
	}
	uint64_t other = u->kernel.value - u->page_tables.value - u->kernel_stacks.value;
	add_kind(rows, n, u, "kernel_other", known(u->kernel.set ? other : 0), known(0));
	if (u->swap_private.set)
		add_kind(rows, n, u, "swap", u->swap_private, u->swap_shared);
	else
		add_kind(rows, n, u, "swap", u->swap, (struct opt_u64){ 0 });
}

int mem_list_kinds(const struct census *c, struct mem_kind_row **ret, size_t *ret_n, struct err *e)
{
	struct mem_kind_row *rows = calloc(c->n_usages * N_ROWS + 1, sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return err_set(e, ENOMEM, "list what %zu containers have", c->n_usages);
	for (size_t i = 0; i < c->n_usages; i++)
		list_kinds(&c->usages[i], rows, &n);
	*ret = rows;
	*ret_n = n;
	return 0;
}

static const struct table_column kind_columns[] = {
	{ "CONTAINER", TABLE_LEFT, 32 },
	{ "KIND", TABLE_LEFT, 0 },
	{ "PRIVATE", TABLE_RIGHT, 0 },
	{ "SHARED", TABLE_RIGHT, 0 },
	{ 0 },
};

static int print_kinds(FILE *to, const struct census *c, bool terminal, struct err *e)
{
	automatic(table) struct table t = { .columns = kind_columns, .bold = terminal };
	autofree struct mem_kind_row *rows = NULL;
	size_t n = 0;
	int r = mem_list_kinds(c, &rows, &n, e);

	for (size_t i = 0; i < n; i++) {
		table_add(&t, rows[i].container);
		table_add(&t, rows[i].kind);
		table_add_bytes(&t, rows[i].private, "");
		table_add_bytes(&t, rows[i].shared, "");
	}
	return r < 0 ? r : table_print(&t, to, terminal, e);
}

/* --- by process ------------------------------------------------------------------------------ */

static const struct table_column process_columns[] = {
	{ "CONTAINER", TABLE_LEFT, 32 },
	{ "PID", TABLE_RIGHT, 0 },
	{ "UNIQUE", TABLE_RIGHT, 0 },
	{ "PRIVATE", TABLE_RIGHT, 0 },
	{ "SHARED", TABLE_RIGHT, 0 },
	{ "INSIDE", TABLE_RIGHT, 0 },
	{ "TABLES", TABLE_RIGHT, 0 },
	{ "SWAP", TABLE_RIGHT, 0 },
	{ "COMMAND", TABLE_LEFT, 32 },
	{ 0 },
};

static int largest_first(const void *a, const void *b)
{
	const struct census_process *x = a, *y = b;

	if (x->thing != y->thing)
		return x->thing < y->thing ? -1 : 1;
	if (x->private.value != y->private.value)
		return x->private.value > y->private.value ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int print_processes(FILE *to, const struct census *c, bool terminal, struct err *e)
{
	automatic(table) struct table t = { .columns = process_columns, .bold = terminal };
	autofree struct census_process *sorted = calloc(c->n_processes + 1, sizeof(*sorted));
	const char *about = c->estimated ? "~" : "";
	size_t n_untold = 0;

	if (!sorted)
		return err_set(e, ENOMEM, "print %zu processes", c->n_processes);
	for (size_t i = 0; i < c->n_processes; i++)
		sorted[i] = c->processes[i];
	qsort(sorted, c->n_processes, sizeof(*sorted), largest_first);
	for (size_t i = 0; i < c->n_processes; i++) {
		const struct census_process *p = &sorted[i];
		n_untold += !p->unique.set;
		table_add(&t, c->usages[p->thing].name);
		table_addf(&t, "%d", (int)p->pid);
		table_add_bytes(&t, p->unique, about);
		table_add_bytes(&t, p->private, about);
		table_add_bytes(&t, p->shared, about);
		table_add_bytes(&t, p->inside, about);
		table_add_bytes(&t, p->page_tables, "");
		table_add_bytes(&t, p->swap, "");
		table_add(&t, p->command);
	}
	int r = table_print(&t, to, terminal, e);
	if (r == 0 && n_untold)
		fprintf(to, "Pages of %zu process%s are shared in too many ways to be told.\n",
			n_untold, n_untold == 1 ? "" : "es");
	return r;
}

int mem_print_by(FILE *to, const struct census *c, enum mem_by by, bool terminal, struct err *e)
{
	int r = 0;

	switch (by) {
	case MEM_BY_CONTAINER:
		return mem_print_table(to, c, terminal, e);
	case MEM_BY_PROCESS:
		r = print_processes(to, c, terminal, e);
		break;
	case MEM_BY_KIND:
		r = print_kinds(to, c, terminal, e);
		break;
	case MEM_BY_FILE:
		r = mem_print_files(to, c, terminal, e);
		break;
	case MEM_BY_LAYER:
		r = mem_print_layers(to, c, terminal, e);
		break;
	}
	if (r == 0)
		mem_print_summary(to, c);
	return r;
}
