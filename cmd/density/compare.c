/* Comparing: pairs of cells, and a table of what is compared. */
#include "cmd/density/compare.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/density/summary.h"
#include "cmd/table.h"
#include "spec/base/str.h"

static const struct figure {
	const char *key;
	size_t offset; /* of a struct spread in struct cell */
} figures[] = {
	{ "cost_each_bytes", offsetof(struct cell, cost_each) },
	{ "host_each_bytes", offsetof(struct cell, taken_each) },
	{ "start_us", offsetof(struct cell, start_us) },
	{ "rate_milli", offsetof(struct cell, rate_milli) },
};
#define N_FIGURES (sizeof(figures) / sizeof(figures[0]))

static const struct table_column columns[] = {
	{ "VARIANT", TABLE_LEFT, 20 },
	{ "WAY", TABLE_LEFT, 20 },
	{ "COUNT", TABLE_RIGHT, 0 },
	{ "TRIALS", TABLE_RIGHT, 0 },
	{ "COST EACH", TABLE_RIGHT, 0 },
	{ "HOST EACH", TABLE_RIGHT, 0 },
	{ "START", TABLE_RIGHT, 0 },
	{ "A SECOND", TABLE_RIGHT, 0 },
	{ 0 },
};

/* What hosts and experiments are described by. Differences in ways and counts are told by the cells. */
static const struct table_column difference_columns[] = {
	{ "DIFFERENT", TABLE_LEFT, 0 },
	{ "FIRST", TABLE_LEFT, 40 },
	{ "SECOND", TABLE_LEFT, 40 },
	{ 0 },
};

static const char *const untold[] = { "name", "ways", "counts" };

struct pair {
	struct cell a, b; /* what they point to is of the summaries */
};

struct comparison {
	const struct results *a, *b;
	struct summary first, second;
	struct pair *pairs;
	size_t n, only_a, only_b;
};

static void comparison_done(struct comparison *c)
{
	summary_done(&c->first);
	summary_done(&c->second);
	free(c->pairs);
}
DEFINE_AUTO(comparison, comparison_done)

static const struct cell *find(const struct summary *s, const struct cell *like)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].n && s->v[i].count == like->count &&
			str_equal(s->v[i].way, like->way) &&
			str_equal(s->v[i].variant, like->variant))
			return &s->v[i];
	return NULL;
}

static size_t count_made(const struct summary *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->v[i].n > 0;
	return n;
}

static int compare(
	struct comparison *c, const struct results *a, const struct results *b, struct err *e)
{
	int r = summary_make(a, &c->first, e);

	if (r == 0)
		r = summary_make(b, &c->second, e);
	if (r < 0)
		return r;
	c->a = a;
	c->b = b;
	c->pairs = calloc(c->first.n + 1, sizeof(*c->pairs));
	if (!c->pairs)
		return err_set(e, ENOMEM, "compare results");
	for (size_t i = 0; i < c->first.n; i++) {
		const struct cell *one = &c->first.v[i];
		const struct cell *other = one->n ? find(&c->second, one) : NULL;
		if (other)
			c->pairs[c->n++] = (struct pair){ *one, *other };
	}
	c->only_a = count_made(&c->first) - c->n;
	c->only_b = count_made(&c->second) - c->n;
	return c->n ? 0
		    : err_say(e, EINVAL,
			      "'%s' and '%s' have no trials of the same variant, way and count",
			      a->path, b->path);
}

static const struct spread *spread_of_cell(const struct cell *c, const struct figure *f)
{
	return (const struct spread *)((const char *)c + f->offset);
}

/* Of one trial nobody knows what it spreads. */
static bool is_apart(const struct pair *p, const struct figure *f)
{
	const struct spread *a = spread_of_cell(&p->a, f), *b = spread_of_cell(&p->b, f);

	return p->a.n > 1 && p->b.n > 1 && (a->p90 < b->p10 || b->p90 < a->p10);
}

/* False where one of them is nothing, which is no figure that others could be a multiple of. */
static bool ratio_of(const struct pair *p, const struct figure *f, double *ret)
{
	uint64_t a = spread_of_cell(&p->a, f)->median, b = spread_of_cell(&p->b, f)->median;

	if (!a || !b)
		return false;
	*ret = (double)b / (double)a;
	return true;
}

/* One member of a struct as JSON without its key, "" when it is absent. */
static void add_member(const struct field *f, const void *from, struct str *out)
{
	const struct field table[] = { *f, { 0 } };
	automatic(str) struct str text = { 0 };

	json_write(table, from, JSON_COMPACT, &text);
	out->failed |= !str_ok(&text);
	const char *colon = str_ok(&text) ? strchr(text.data, ':') : NULL;
	if (colon)
		str_add_bytes(out, colon + 1, text.len - (size_t)(colon + 1 - text.data) - 1);
	else
		str_add(out, "");
}

static bool is_untold(const char *name)
{
	for (size_t i = 0; i < sizeof(untold) / sizeof(untold[0]); i++)
		if (str_equal(untold[i], name))
			return true;
	return false;
}

typedef void telling(void *to, const char *what, const char *a, const char *b);

static int tell_differences(
	const struct field *table, const void *a, const void *b, telling *tell, void *to)
{
	for (const struct field *f = table; f->name; f++) {
		automatic(str) struct str x = { 0 }, y = { 0 };
		if (is_untold(f->name))
			continue;
		add_member(f, a, &x);
		add_member(f, b, &y);
		if (!str_ok(&x) || !str_ok(&y))
			return -ENOMEM;
		if (!str_equal(x.data, y.data))
			tell(to, f->name, x.data, y.data);
	}
	return 0;
}

/* Of the hosts, then of the experiments. */
static int tell_all(const struct comparison *c, telling *tell, void *to, struct err *e)
{
	int r = tell_differences(host_fields, &c->a->host, &c->b->host, tell, to);

	if (r == 0)
		r = tell_differences(
			experiment_fields, &c->a->experiment, &c->b->experiment, tell, to);
	return r < 0 ? err_set(e, -r, "compare results") : 0;
}

static void tell_row(void *to, const char *what, const char *a, const char *b)
{
	table_add(to, what);
	table_add(to, a);
	table_add(to, b);
}

static void add_row(struct table *t, const struct pair *p)
{
	table_add(t, p->a.variant);
	table_add(t, p->a.way);
	table_addf(t, "%" PRIu64, p->a.count);
	table_addf(t, "%zu, %zu", p->a.n, p->b.n);
	for (size_t i = 0; i < N_FIGURES; i++) {
		double ratio;
		if (ratio_of(p, &figures[i], &ratio))
			table_addf(t, "%.2f%s", ratio, is_apart(p, &figures[i]) ? " *" : "  ");
		else
			table_add(t, "-  ");
	}
}

int compare_print(
	FILE *to, const struct results *a, const struct results *b, bool terminal, struct err *e)
{
	automatic(comparison) struct comparison c = { 0 };
	automatic(table) struct table t = { .columns = columns, .bold = terminal };
	automatic(table) struct table other = { .columns = difference_columns, .bold = terminal };
	int r = compare(&c, a, b, e);

	for (size_t i = 0; r == 0 && i < c.n; i++)
		add_row(&t, &c.pairs[i]);
	if (r == 0)
		r = table_print(&t, to, terminal, e);
	if (r < 0)
		return r;
	fputs("\nMedians of the second, as multiples of the first's; * where their spreads do not overlap.\n",
		to);
	if (c.only_a || c.only_b)
		fprintf(to, "Not in both: %zu of the first, %zu of the second.\n", c.only_a,
			c.only_b);
	r = tell_all(&c, tell_row, &other, e);
	if (r == 0 && !other.n_cells)
		fputs("The hosts and their settings are alike.\n", to);
	if (r < 0 || !other.n_cells)
		return r;
	fputs("\n", to);
	return table_print(&other, to, terminal, e);
}

struct told {
	struct str *out;
	bool any;
};

static void tell_json(void *to, const char *what, const char *a, const char *b)
{
	struct told *told = to;

	str_addf(told->out, "%s{\"what\":\"%s\",\"first\":%s,\"second\":%s}", told->any ? "," : "",
		what, *a ? a : "null", *b ? b : "null");
	told->any = true;
}

static void add_figure(struct str *out, const struct pair *p, const struct figure *f)
{
	double ratio;

	str_addf(out, ",\"%s\":{\"first\":", f->key);
	json_write(spread_fields, spread_of_cell(&p->a, f), JSON_COMPACT, out);
	str_add(out, ",\"second\":");
	json_write(spread_fields, spread_of_cell(&p->b, f), JSON_COMPACT, out);
	if (ratio_of(p, f, &ratio))
		str_addf(out, ",\"ratio\":%.4f", ratio);
	else
		str_add(out, ",\"ratio\":null");
	str_addf(out, ",\"apart\":%s}", is_apart(p, f) ? "true" : "false");
}

static void add_pair(struct str *out, const struct pair *p)
{
	str_add(out, "{\"variant\":");
	json_write_string(p->a.variant, out);
	str_add(out, ",\"way\":");
	json_write_string(p->a.way, out);
	str_addf(out, ",\"count\":%" PRIu64 ",\"trials\":[%zu,%zu]", p->a.count, p->a.n, p->b.n);
	for (size_t i = 0; i < N_FIGURES; i++)
		add_figure(out, p, &figures[i]);
	str_add(out, "}");
}

int compare_print_json(const struct results *a, const struct results *b, struct err *e)
{
	automatic(comparison) struct comparison c = { 0 };
	automatic(str) struct str out = { 0 };
	struct told told = { .out = &out };
	int r = compare(&c, a, b, e);

	if (r < 0)
		return r;
	str_add(&out, "{\"cells\":[");
	for (size_t i = 0; i < c.n; i++) {
		str_add(&out, i ? "," : "");
		add_pair(&out, &c.pairs[i]);
	}
	str_addf(&out, "],\"only_first\":%zu,\"only_second\":%zu,\"differences\":[", c.only_a,
		c.only_b);
	r = tell_all(&c, tell_json, &told, e);
	str_add(&out, "]}");
	if (r == 0 && !str_ok(&out))
		r = err_set(e, ENOMEM, "write JSON");
	if (r == 0 && puts(out.data) < 0)
		r = err_set(e, EIO, "print");
	return r;
}
