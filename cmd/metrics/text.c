/* OpenMetrics text (openmetrics.io, 1.0). */
#include "cmd/metrics/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mem.h"
#include "spec/base/own.h"

/* Bytes of one container, by the place of their struct opt_u64. */
static const struct {
	const char *name, *help;
	size_t offset;
} figures[] = {
	{ "unique", "page frames that its processes map, each once",
		offsetof(struct memory_usage, unique) },
	{ "private", "of these, mapped by nobody else: what its end would free",
		offsetof(struct memory_usage, private) },
	{ "shared", "of these, mapped by others too", offsetof(struct memory_usage, shared) },
	{ "shared_with_host", "of these, mapped by processes that were not measured",
		offsetof(struct memory_usage, outside) },
	{ "kernel", "page tables, kernel stacks, and other kernel memory where the host tells",
		offsetof(struct memory_usage, kernel) },
	{ "page_table", "page tables of its processes",
		offsetof(struct memory_usage, page_tables) },
	{ "kernel_stack", "kernel stacks of its threads",
		offsetof(struct memory_usage, kernel_stacks) },
	{ "private_cache", "page cache of its own files that nobody maps",
		offsetof(struct memory_usage, private_cache) },
	{ "monitor", "the process that waits for it", offsetof(struct memory_usage, monitor) },
	{ "cost", "private, kernel, private cache and monitor: the bill if it were here alone",
		offsetof(struct memory_usage, cost) },
	{ "charged", "the memory controller's bill: who touches a page first pays for all",
		offsetof(struct memory_usage, charged) },
	{ "limit", "what the memory controller lets it be charged",
		offsetof(struct memory_usage, limit) },
	{ "swap", "swapped out, each slot once", offsetof(struct memory_usage, swap) },
	{ "swap_private", "of these, of nobody else", offsetof(struct memory_usage, swap_private) },
	{ "swap_shared", "of these, of others too", offsetof(struct memory_usage, swap_shared) },
	{ "large_page", "of unique, in folios larger than a page",
		offsetof(struct memory_usage, large) },
	{ "pss", "the sum of the kernel's proportional set sizes: where frames are not told",
		offsetof(struct memory_usage, pss) },
};

/* Bytes of the whole set. */
static const struct {
	const char *name, *help;
	size_t offset;
} totals[] = {
	{ "union", "page frames of all, each once", offsetof(struct census, union_bytes) },
	{ "unshared", "what the containers would use if nothing were shared",
		offsetof(struct census, unshared_bytes) },
	{ "saved", "what sharing saves", offsetof(struct census, saved_bytes) },
};

#define LENGTH(table) (sizeof(table) / sizeof((table)[0]))

struct writer {
	struct str *to;
	const struct metrics *m;
	char **labels; /* name="...", by usage */
};

/* --- labels -------------------------------------------------------------------------------------- */
/* What stands between the quotes; bytes that are not UTF-8 become U+FFFD. */
static void add_escaped(struct str *s, const char *text)
{
	while (*text) {
		size_t n = str_utf8_length(text);
		if (n == 0)
			str_add(s, "\xef\xbf\xbd");
		else if (*text == '\\' || *text == '"')
			str_addf(s, "\\%c", *text);
		else if (*text == '\n')
			str_add(s, "\\n");
		else
			str_add_bytes(s, text, n);
		text += n ? n : 1;
	}
}

static void add_label(struct str *s, const char *name, const char *value)
{
	str_addf(s, "%s=\"", name);
	add_escaped(s, value);
	str_add(s, "\"");
}

/* A name and an id that another has too are those of one that was measured twice. */
static char *make_labels(const struct memory_usage *u, size_t again)
{
	automatic(str) struct str s = { 0 };

	add_label(&s, "name", u->name);
	if (again) {
		automatic(str) struct str id = { 0 };
		str_addf(&id, "%s#%zu", u->id, again + 1);
		str_add(&s, ",");
		add_label(&s, "id", id.data ? id.data : "");
		s.failed |= id.failed;
	} else if (strcmp(u->name, u->id) != 0) {
		str_add(&s, ",");
		add_label(&s, "id", u->id);
	}
	return str_ok(&s) ? take(s.data) : NULL;
}

struct named {
	const struct memory_usage *usage;
	size_t place;
};

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->usage->name, y->usage->name);

	if (order == 0)
		order = strcmp(x->usage->id, y->usage->id);
	return order ? order : x->place < y->place ? -1 : x->place > y->place;
}

static bool is_same(const struct named *a, const struct named *b)
{
	return strcmp(a->usage->name, b->usage->name) == 0 &&
	       strcmp(a->usage->id, b->usage->id) == 0;
}

static int fill_labels(struct writer *w)
{
	const struct census *c = w->m->census;
	autofree struct named *sorted = calloc(c->n_usages + 1, sizeof(*sorted));
	size_t again = 0;

	w->labels = calloc(c->n_usages + 1, sizeof(char *));
	if (!sorted || !w->labels)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_usages; i++)
		sorted[i] = (struct named){ &c->usages[i], i };
	if (c->n_usages > 1)
		qsort(sorted, c->n_usages, sizeof(*sorted), by_name);
	for (size_t i = 0; i < c->n_usages; i++) {
		again = i && is_same(&sorted[i - 1], &sorted[i]) ? again + 1 : 0;
		w->labels[sorted[i].place] = make_labels(sorted[i].usage, again);
		if (!w->labels[sorted[i].place])
			return -ENOMEM;
	}
	return 0;
}

static void free_labels(struct writer *w)
{
	for (size_t i = 0; w->labels && i < w->m->census->n_usages; i++)
		free(w->labels[i]);
	free(w->labels);
}

/* --- families ------------------------------------------------------------------------------------ */
/* `unit`: NULL for what has none; else the name ends in it. */
static void add_family(
	struct str *s, const char *name, const char *type, const char *unit, const char *help)
{
	str_addf(s, "# TYPE %s %s\n", name, type);
	if (unit)
		str_addf(s, "# UNIT %s %s\n", name, unit);
	str_addf(s, "# HELP %s %s\n", name, help);
}

static void add_figures(struct writer *w)
{
	const struct census *c = w->m->census;

	for (size_t f = 0; f < LENGTH(figures); f++) {
		char name[64];
		snprintf(name, sizeof(name), "cow_container_%s_bytes", figures[f].name);
		add_family(w->to, name, "gauge", "bytes", figures[f].help);
		for (size_t i = 0; i < c->n_usages; i++) {
			const struct opt_u64 *v =
				(const void *)((const char *)&c->usages[i] + figures[f].offset);
			/* What no machine has is no limit. */
			bool is_none = figures[f].offset == offsetof(struct memory_usage, limit) &&
				       v->value >= UINT64_MAX >> 1;
			if (v->set && !is_none)
				str_addf(w->to, "%s{%s} %llu\n", name, w->labels[i],
					(unsigned long long)v->value);
		}
	}
}

static void add_kinds(struct writer *w, const char *name, size_t offset, const char *help)
{
	const struct census *c = w->m->census;

	add_family(w->to, name, "gauge", "bytes", help);
	for (size_t i = 0; i < c->n_usages; i++)
		for (size_t k = 0; c->usages[i].kinds && k < MEM_KINDS; k++) {
			const char *kind = (const char *)c->usages[i].kinds + mem_kinds[k].offset;
			const uint64_t *bytes = (const void *)(kind + offset);
			str_addf(w->to, "%s{%s,kind=\"%s\"} %llu\n", name, w->labels[i],
				mem_kinds[k].name, (unsigned long long)*bytes);
		}
}

static void add_containers(struct writer *w)
{
	const struct census *c = w->m->census;

	add_family(w->to, "cow_container", "info", NULL, "what was measured, and what it is");
	for (size_t i = 0; i < c->n_usages; i++)
		str_addf(w->to, "cow_container_info{%s,role=\"%s\"} 1\n", w->labels[i],
			c->usages[i].is_host	   ? "host"
			: c->usages[i].is_template ? "template"
						   : "container");
	add_family(w->to, "cow_container_processes", "gauge", NULL, "processes that were measured");
	for (size_t i = 0; i < c->n_usages; i++)
		str_addf(w->to, "cow_container_processes{%s} %llu\n", w->labels[i],
			(unsigned long long)c->usages[i].processes);
	add_figures(w);
	add_kinds(w, "cow_container_kind_private_bytes",
		offsetof(struct memory_kind, private_bytes), "private memory by its kind");
	add_kinds(w, "cow_container_kind_shared_bytes", offsetof(struct memory_kind, shared_bytes),
		"shared memory by its kind");
}

/* With whom: the labels of the other one, as `with`, and `with_id` where it has an id. */
static void add_pair(struct writer *w, size_t a, size_t b, uint64_t bytes)
{
	const char *other = w->labels[b] + strlen("name=");
	const char *id = strstr(other, "\",id=\"");

	str_addf(w->to, "cow_container_shared_with_bytes{%s,with=", w->labels[a]);
	str_add_bytes(w->to, other, id ? (size_t)(id + 1 - other) : strlen(other));
	if (id)
		str_addf(w->to, ",with_%s", id + 2);
	str_addf(w->to, "} %llu\n", (unsigned long long)bytes);
}

static void add_pairs(struct writer *w)
{
	const struct census *c = w->m->census;

	add_family(w->to, "cow_container_shared_with_bytes", "gauge", "bytes",
		"page frames that both map");
	for (size_t i = 0; i < c->n_usages; i++)
		for (size_t j = 0; j < c->n_usages; j++) {
			uint64_t bytes = i == j ? 0 : census_shared(c, i, j).value;
			if (bytes)
				add_pair(w, i, j, bytes);
		}
}

static void add_totals(struct writer *w)
{
	const struct census *c = w->m->census;

	for (size_t t = 0; t < LENGTH(totals); t++) {
		const struct opt_u64 *v = (const void *)((const char *)c + totals[t].offset);
		char name[64];
		snprintf(name, sizeof(name), "cow_%s_bytes", totals[t].name);
		add_family(w->to, name, "gauge", "bytes", totals[t].help);
		if (v->set)
			str_addf(w->to, "%s %llu\n", name, (unsigned long long)v->value);
	}
}

static void add_census(struct writer *w)
{
	const struct census *c = w->m->census;

	add_family(w->to, "cow_census_exact", "gauge", NULL,
		"1: every figure is exact; 0: something moved, or could not be read");
	str_addf(w->to, "cow_census_exact %d\n", c->exact);
	add_family(w->to, "cow_census_estimated", "gauge", NULL,
		"1: page frames were not told, all figures are estimates");
	str_addf(w->to, "cow_census_estimated %d\n", c->estimated);
	add_family(w->to, "cow_census_duration_seconds", "gauge", "seconds",
		"what the measurement took");
	str_addf(w->to, "cow_census_duration_seconds %.6f\n", w->m->seconds);
	add_family(w->to, "cow_census_frozen_seconds", "gauge", "seconds",
		"the longest time that a container stood still for it");
	str_addf(w->to, "cow_census_frozen_seconds %.6f\n", (double)c->frozen_ns / 1e9);
	add_family(w->to, "cow_censuses", "counter", NULL, "measurements since the start");
	str_addf(w->to, "cow_censuses_total %llu\n", (unsigned long long)w->m->n_censuses);
}

int metrics_text(const struct metrics *m, struct str *ret)
{
	struct writer w = { .to = ret, .m = m };
	int r = fill_labels(&w);

	if (r == 0) {
		add_containers(&w);
		if (m->pairs)
			add_pairs(&w);
		add_totals(&w);
		add_census(&w);
		str_add(ret, "# EOF\n");
	}
	free_labels(&w);
	return r < 0 || !str_ok(ret) ? -ENOMEM : 0;
}
