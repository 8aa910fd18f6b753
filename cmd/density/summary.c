/* Cells: medians over repetitions. */
#include "cmd/density/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/table.h"
#include "spec/base/str.h"

#define SPREAD(key, member) FIELD(struct cell, key, FIELD_OBJECT, member, .inside = spread_fields)
#define FLAG(key, member) FIELD(struct cell, key, FIELD_BOOL, member, .always = true)

const struct field cell_fields[] = {
	FIELD(struct cell, "variant", FIELD_STRING, variant),
	FIELD(struct cell, "way", FIELD_STRING, way),
	FIELD(struct cell, "count", FIELD_U64, count),
	FIELD(struct cell, "trials", FIELD_U64, n, .always = true),
	FLAG("exact", exact),
	FLAG("all_started", all_started),
	FLAG("settled", settled),
	FIELD(struct cell, "why", FIELD_STRING, why),
	SPREAD("start_us", start_us),
	SPREAD("containers_us", containers_us),
	SPREAD("cost_each_bytes", cost_each),
	SPREAD("host_each_bytes", taken_each),
	SPREAD("union_bytes", union_bytes),
	SPREAD("saved_bytes", saved_bytes),
	SPREAD("rate_milli", rate_milli),
	FIELD(struct cell, "each", FIELD_OBJECT, each, .inside = portion_fields),
	FIELD(struct cell, "template_bytes", FIELD_OPT_U64, template, .always = true),
	FIELD(struct cell, "host_noise_each_bytes", FIELD_OPT_U64, noise_each, .always = true),
	{ 0 },
};

static bool is_of(const struct cell *c, const struct result *r)
{
	return r->count == c->count && str_equal(r->way, c->way) &&
	       str_equal(r->variant, c->variant);
}

typedef uint64_t figure(const struct result *r);

static uint64_t start_of(const struct result *r)
{
	return r->start_us.median;
}

static uint64_t first_of(const struct result *r)
{
	return r->start_us.p10;
}

static uint64_t last_of(const struct result *r)
{
	return r->start_us.p90;
}

static uint64_t most_of(const struct result *r)
{
	return r->start_us.most;
}

static uint64_t up_of(const struct result *r)
{
	return r->up_us;
}

static uint64_t cost_of(const struct result *r)
{
	return r->started ? r->cost_bytes.value / r->started : 0;
}

static uint64_t taken_of(const struct result *r)
{
	return r->started && r->taken.value > 0 ? (uint64_t)r->taken.value / r->started : 0;
}

static uint64_t union_of(const struct result *r)
{
	return r->union_bytes.value;
}

static uint64_t saved_of(const struct result *r)
{
	return r->saved_bytes.value;
}

/* `room` is for all results. */
static struct spread spread(
	const struct results *r, const struct cell *c, figure *of, uint64_t *room)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		if (is_of(c, &r->v[i]))
			room[n++] = of(&r->v[i]);
	return spread_of(room, n);
}

/* A portion is a row of opt_u64 and nothing else. */
#define N_PORTIONS (sizeof(struct portion) / sizeof(struct opt_u64))

static void fill_portions(const struct results *r, struct cell *c, uint64_t *room)
{
	struct opt_u64 *into = (struct opt_u64 *)&c->each;

	for (size_t p = 0; p < N_PORTIONS; p++) {
		size_t n = 0;
		for (size_t i = 0; i < r->n; i++) {
			const struct opt_u64 *from = (const struct opt_u64 *)&r->v[i].each;
			if (is_of(c, &r->v[i]) && from[p].set)
				room[n++] = from[p].value;
		}
		into[p] = (struct opt_u64){ n > 0, spread_of(room, n).median };
	}
}

static struct opt_u64 template_of(const struct result *r)
{
	return r->template;
}

static struct opt_u64 noise_of(const struct result *r)
{
	return (struct opt_u64){ r->noise.set && r->started,
		r->started ? r->noise.value / r->started : 0 };
}

/* Of those trials that know it. */
static struct opt_u64 median(const struct results *r, const struct cell *c,
	struct opt_u64 (*of)(const struct result *r), uint64_t *room)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		struct opt_u64 value = is_of(c, &r->v[i]) ? of(&r->v[i]) : (struct opt_u64){ 0 };
		if (value.set)
			room[n++] = value.value;
	}
	return (struct opt_u64){ n > 0, spread_of(room, n).median };
}

bool cell_is_noisy(const struct cell *c)
{
	return c->noise_each.set && c->noise_each.value > c->taken_each.median / 10;
}

static void fill_rate(const struct results *r, struct cell *c, uint64_t *room)
{
	struct spread up = spread(r, c, up_of, room);
	uint64_t n = (r->experiment.inside ? 1 : c->count) * 1000000000;

	if (up.p10)
		c->rate_milli =
			(struct spread){ n / up.median, n / up.p90, n / up.p10, n / up.p10 };
}

/* And have not ended since, as far as is known. */
static bool all_started(const struct result *r, uint64_t wanted)
{
	return r->started >= wanted && (!r->alive.set || r->alive.value >= wanted);
}

static void fill_cell(const struct results *r, struct cell *c, uint64_t *room)
{
	uint64_t wanted = r->experiment.inside ? 1 : c->count;

	c->exact = c->all_started = c->settled = true;
	for (size_t i = 0; i < r->n; i++) {
		if (!is_of(c, &r->v[i]))
			continue;
		c->n++;
		c->exact &= r->v[i].exact;
		c->settled &= r->v[i].settled;
		c->all_started &= all_started(&r->v[i], wanted);
		c->why = c->why ? c->why : r->v[i].why;
	}
	c->start_us = spread(r, c, start_of, room);
	c->cost_each = spread(r, c, cost_of, room);
	c->taken_each = spread(r, c, taken_of, room);
	c->union_bytes = spread(r, c, union_of, room);
	c->saved_bytes = spread(r, c, saved_of, room);
	c->containers_us = (struct spread){ c->start_us.median, spread(r, c, first_of, room).median,
		spread(r, c, last_of, room).median, spread(r, c, most_of, room).median };
	c->template = median(r, c, template_of, room);
	c->noise_each = median(r, c, noise_of, room);
	fill_rate(r, c, room);
	fill_portions(r, c, room);
}

int summary_make(const struct results *r, struct summary *ret, struct err *e)
{
	const struct experiment *x = &r->experiment;
	size_t n = x->n_variants * x->n_ways * x->n_counts;
	struct cell *v = calloc(n + 1, sizeof(*v)), *c = v;
	autofree uint64_t *room = calloc(r->n + 1, sizeof(*room));

	if (!v || !room) {
		free(v);
		return err_set(e, ENOMEM, "sum up %zu trials", r->n);
	}
	for (size_t variant = 0; variant < x->n_variants; variant++)
		for (size_t way = 0; way < x->n_ways; way++)
			for (size_t count = 0; count < x->n_counts; count++, c++) {
				c->variant = x->variants[variant].name;
				c->way = x->ways[way];
				c->count = x->counts[count];
				fill_cell(r, c, room);
			}
	*ret = (struct summary){ v, n };
	return 0;
}

void summary_done(struct summary *s)
{
	free(s->v);
	*s = (struct summary){ 0 };
}

static void add_size(struct table *t, const struct cell *c, uint64_t bytes)
{
	table_add_bytes(t, (struct opt_u64){ c->n > 0, bytes }, "");
}

/* How far the middle four fifths of the trials are apart, of their median: of one nothing is known. */
static void add_spread(struct table *t, const struct cell *c, const struct spread *s)
{
	if (c->n > 1 && s->median)
		table_addf(t, "%.1f %%", 100.0 * (double)(s->p90 - s->p10) / (double)s->median);
	else
		table_add(t, NULL);
}

/* Where one command has started all, nobody knows the time of each. */
static void add_time(struct table *t, const struct cell *c, uint64_t us)
{
	if (c->n && us)
		table_addf(t, "%.1f ms", (double)us / 1000);
	else
		table_add(t, NULL);
}

static void add_variant(struct table *t, const struct cell *c)
{
	table_add(t, c->variant);
}

static void add_way(struct table *t, const struct cell *c)
{
	table_add(t, c->way);
}

static void add_count(struct table *t, const struct cell *c)
{
	table_addf(t, "%" PRIu64, c->count);
}

static void add_trials(struct table *t, const struct cell *c)
{
	table_addf(t, "%zu", c->n);
}

static void add_cost(struct table *t, const struct cell *c)
{
	add_size(t, c, c->cost_each.median);
}

static void add_cost_spread(struct table *t, const struct cell *c)
{
	add_spread(t, c, &c->cost_each);
}

static void add_taken(struct table *t, const struct cell *c)
{
	bool any = c->n > 0 && c->taken_each.median > 0;

	table_add_bytes(
		t, (struct opt_u64){ any, c->taken_each.median }, cell_is_noisy(c) ? "~" : "");
}

static void add_taken_spread(struct table *t, const struct cell *c)
{
	add_spread(t, c, &c->taken_each);
}

static void add_union(struct table *t, const struct cell *c)
{
	add_size(t, c, c->union_bytes.median);
}

static void add_saved(struct table *t, const struct cell *c)
{
	add_size(t, c, c->saved_bytes.median);
}

static void add_template(struct table *t, const struct cell *c)
{
	table_add_bytes(t, c->template, "");
}

static void add_swap(struct table *t, const struct cell *c)
{
	table_add_bytes(t, c->each.swap, "");
}

static void add_start(struct table *t, const struct cell *c)
{
	add_time(t, c, c->start_us.median);
}

static void add_p90(struct table *t, const struct cell *c)
{
	add_time(t, c, c->containers_us.p90);
}

static void add_rate(struct table *t, const struct cell *c)
{
	table_addf(t, "%.1f", (double)c->rate_milli.median / 1000);
}

static void add_state(struct table *t, const struct cell *c)
{
	table_add(t, !c->n	       ? "not made"
		     : !c->all_started ? "not all started"
		     : !c->settled     ? "not at rest"
		     : !c->exact       ? "not exact"
				       : "exact");
}

static bool has_template(const struct cell *c)
{
	return c->template.set;
}

static bool has_swap(const struct cell *c)
{
	return c->each.swap.value > 0;
}

static const struct column {
	struct table_column head;
	void (*add)(struct table *t, const struct cell *c);
	bool (*of)(const struct cell *c); /* shown where one has it; NULL: always */
} columns[] = {
	{ { "VARIANT", TABLE_LEFT, 20 }, add_variant, NULL },
	{ { "WAY", TABLE_LEFT, 20 }, add_way, NULL },
	{ { "COUNT", TABLE_RIGHT, 0 }, add_count, NULL },
	{ { "TRIALS", TABLE_RIGHT, 0 }, add_trials, NULL },
	{ { "COST EACH", TABLE_RIGHT, 0 }, add_cost, NULL },
	{ { "SPREAD", TABLE_RIGHT, 0 }, add_cost_spread, NULL },
	{ { "HOST EACH", TABLE_RIGHT, 0 }, add_taken, NULL },
	{ { "SPREAD", TABLE_RIGHT, 0 }, add_taken_spread, NULL },
	{ { "IN ALL", TABLE_RIGHT, 0 }, add_union, NULL },
	{ { "SAVED", TABLE_RIGHT, 0 }, add_saved, NULL },
	{ { "TEMPLATE", TABLE_RIGHT, 0 }, add_template, has_template },
	{ { "SWAP EACH", TABLE_RIGHT, 0 }, add_swap, has_swap },
	{ { "START", TABLE_RIGHT, 0 }, add_start, NULL },
	{ { "P90", TABLE_RIGHT, 0 }, add_p90, NULL },
	{ { "A SECOND", TABLE_RIGHT, 0 }, add_rate, NULL },
	{ { "", TABLE_LEFT, 0 }, add_state, NULL },
};

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static bool is_shown(const struct column *column, const struct summary *s)
{
	bool any = !column->of;

	for (size_t i = 0; !any && i < s->n; i++)
		any = column->of(&s->v[i]);
	return any;
}

int summary_print(FILE *to, const struct summary *s, bool terminal, struct err *e)
{
	struct table_column heads[N_COLUMNS + 1] = { 0 };
	const struct column *shown[N_COLUMNS];
	automatic(table) struct table t = { .columns = heads, .bold = terminal };
	size_t n = 0;

	for (size_t i = 0; i < N_COLUMNS; i++) {
		if (!is_shown(&columns[i], s))
			continue;
		heads[n] = columns[i].head;
		shown[n++] = &columns[i];
	}
	for (size_t i = 0; i < s->n; i++)
		for (size_t j = 0; j < n; j++)
			shown[j]->add(&t, &s->v[i]);
	return table_print(&t, to, terminal, e);
}
