/* Results: the table, and the figures of a census. */
#include "cmd/density/result.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/str.h"

#define BYTES(type, key, member) FIELD(type, key, FIELD_OPT_U64, member, .always = true)
#define COUNT(type, key, member) FIELD(type, key, FIELD_U64, member, .always = true)

const struct field spread_fields[] = {
	COUNT(struct spread, "median", median),
	COUNT(struct spread, "p10", p10),
	COUNT(struct spread, "p90", p90),
	COUNT(struct spread, "most", most),
	{ 0 },
};

const struct field portion_fields[] = {
	BYTES(struct portion, "anon_bytes", anon),
	BYTES(struct portion, "forked_bytes", forked),
	BYTES(struct portion, "file_bytes", file),
	BYTES(struct portion, "shmem_bytes", shmem),
	BYTES(struct portion, "ksm_bytes", ksm),
	BYTES(struct portion, "kernel_bytes", kernel),
	BYTES(struct portion, "monitor_bytes", monitor),
	BYTES(struct portion, "cost_bytes", cost),
	BYTES(struct portion, "unique_bytes", unique),
	BYTES(struct portion, "shared_bytes", shared),
	BYTES(struct portion, "swap_bytes", swap),
	{ 0 },
};

const struct field result_fields[] = {
	FIELD(struct result, "variant", FIELD_STRING, variant, .must = true),
	FIELD(struct result, "way", FIELD_STRING, way, .must = true),
	COUNT(struct result, "count", count),
	COUNT(struct result, "repetition", repetition),
	COUNT(struct result, "started", started),
	FIELD(struct result, "alive", FIELD_OPT_U64, alive),
	FIELD(struct result, "exact", FIELD_BOOL, exact, .always = true),
	FIELD(struct result, "settled", FIELD_BOOL, settled, .always = true),
	FIELD(struct result, "why", FIELD_STRING, why),
	COUNT(struct result, "up_us", up_us),
	COUNT(struct result, "down_us", down_us),
	FIELD(struct result, "start_us", FIELD_OBJECT, start_us, .inside = spread_fields),
	FIELD(struct result, "stop_us", FIELD_OBJECT, stop_us, .inside = spread_fields),
	FIELD(struct result, "each", FIELD_OBJECT, each, .inside = portion_fields),
	BYTES(struct result, "union_bytes", union_bytes),
	BYTES(struct result, "unshared_bytes", unshared_bytes),
	BYTES(struct result, "saved_bytes", saved_bytes),
	BYTES(struct result, "cost_bytes", cost_bytes),
	BYTES(struct result, "template_bytes", template),
	FIELD(struct result, "taken_bytes", FIELD_OPT_I64, taken, .always = true),
	FIELD(struct result, "slab_bytes", FIELD_OPT_I64, slab, .always = true),
	FIELD(struct result, "kernel_stack_bytes", FIELD_OPT_I64, kernel_stacks, .always = true),
	FIELD(struct result, "page_table_bytes", FIELD_OPT_I64, page_tables, .always = true),
	FIELD(struct result, "per_cpu_bytes", FIELD_OPT_I64, per_cpu, .always = true),
	BYTES(struct result, "noise_bytes", noise),
	{ 0 },
};

void result_done(struct result *r)
{
	json_free(result_fields, r);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The value below which q of 100 lie: the nearest one that is there. */
static uint64_t quantile(const uint64_t *v, size_t n, unsigned q)
{
	return v[((n - 1) * q + 50) / 100];
}

struct spread spread_of(uint64_t *v, size_t n)
{
	if (!n)
		return (struct spread){ 0 };
	qsort(v, n, sizeof(*v), by_size);
	uint64_t median = n % 2 ? v[n / 2] : v[n / 2 - 1] + (v[n / 2] - v[n / 2 - 1]) / 2;
	return (struct spread){ median, quantile(v, n, 10), quantile(v, n, 90), v[n - 1] };
}

/* One row for each part: where it is in a usage, directly or by its kind. */
static const struct part {
	size_t into, from;
	bool kind; /* from is in struct memory_kinds, and the private half is meant */
} parts[] = {
#define KIND(member)                                                                               \
	{                                                                                          \
		offsetof(struct portion, member), offsetof(struct memory_kinds, member), true      \
	}
#define WHOLE(member)                                                                              \
	{                                                                                          \
		offsetof(struct portion, member), offsetof(struct memory_usage, member), false     \
	}
	KIND(anon),
	KIND(forked),
	KIND(file),
	KIND(shmem),
	KIND(ksm),
	WHOLE(kernel),
	WHOLE(monitor),
	WHOLE(cost),
	WHOLE(unique),
	WHOLE(shared),
	WHOLE(swap),
};

static struct opt_u64 value_of(const struct memory_usage *u, const struct part *p)
{
	if (!p->kind)
		return *(const struct opt_u64 *)((const char *)u + p->from);
	if (!u->kinds)
		return (struct opt_u64){ 0 };
	const struct memory_kind *kind =
		(const struct memory_kind *)((const char *)u->kinds + p->from);
	return (struct opt_u64){ true, kind->private_bytes };
}

/* What was in the way of a start is told already. A container without a process is no result. */
static int tell_why(struct result *r, const struct census *c)
{
	uint64_t alive = 0;

	for (size_t i = 0; i < c->n_usages; i++)
		alive += !c->usages[i].is_template && c->usages[i].processes > 0;
	r->alive = (struct opt_u64){ true, alive };
	if (alive < r->started) {
		r->exact = false;
		free(r->why);
		r->why = str_format("%" PRIu64 " of %" PRIu64 " have ended by themselves",
			r->started - alive, r->started);
		return r->why ? 0 : -ENOMEM;
	}
	if (c->why && !r->why && !(r->why = strdup(c->why)))
		return -ENOMEM;
	return 0;
}

/* Medians over the containers: what they are forks of is none. `values` has room for all. */
static void fill_portion(struct portion *into, const struct census *c, uint64_t *values)
{
	for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
		size_t n = 0;
		for (size_t i = 0; i < c->n_usages; i++) {
			struct opt_u64 value = value_of(&c->usages[i], &parts[p]);
			if (value.set && !c->usages[i].is_template)
				values[n++] = value.value;
		}
		*(struct opt_u64 *)((char *)into + parts[p].into) =
			(struct opt_u64){ n > 0, spread_of(values, n).median };
	}
}

static void add_cost(struct opt_u64 *sum, const struct memory_usage *u)
{
	sum->set = sum->set || u->cost.set;
	sum->value += u->cost.value;
}

int result_measure(struct result *r, const struct census *c)
{
	autofree uint64_t *values = calloc(c->n_usages + 1, sizeof(*values));

	if (!values)
		return -ENOMEM;
	fill_portion(&r->each, c, values);
	r->cost_bytes = r->template = (struct opt_u64){ 0 };
	for (size_t i = 0; i < c->n_usages; i++)
		add_cost(c->usages[i].is_template ? &r->template : &r->cost_bytes, &c->usages[i]);
	r->union_bytes = c->union_bytes;
	r->unshared_bytes = c->unshared_bytes;
	r->saved_bytes = c->saved_bytes;
	r->exact = c->exact;
	return tell_why(r, c);
}
