/* linux.resources as cgroup files: what is to be written. Pure. */
#include "cgroup/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/convert.h"

#define CPU_WEIGHT_USUAL 100 /* the kernel's CGROUP_WEIGHT_DFL */

/* --- the rows' values: 1 to write, 0 to leave alone, -errno ---------------------------------- */

typedef int plan_value(const struct resources *r, struct limit_write *w, struct err *e);
/* ... and of rows of which there may be many: they take the writes that they need. */
struct row;
typedef int plan_list(
	const struct row *row, const struct resources *r, struct limits_plan *p, struct err *e);

struct row {
	enum controller controller;
	const char *file;
	plan_value *value;
	plan_list *list;
};

/* A number where 0 is as unset and -1 unlimited. */
static int plan_amount(const char *key, struct opt_i64 v, struct limit_write *w, struct err *e)
{
	if (!v.set || v.value == 0)
		return 0;
	if (v.value < -1)
		return err_say(
			e, EINVAL, "linux.resources.%s: %" PRId64 " is no limit", key, v.value);
	convert_bytes(v.value, w->value);
	/* "max" is what a group has that nobody gave a limit, with its controller or without. */
	w->flags = v.value == -1 ? LIMIT_MAY_LACK : 0;
	return 1;
}

static int plan_memory_low(const struct resources *r, struct limit_write *w, struct err *e)
{
	return plan_amount("memory.reservation", r->memory.reservation, w, e);
}

static int plan_memory_max(const struct resources *r, struct limit_write *w, struct err *e)
{
	return plan_amount("memory.limit", r->memory.limit, w, e);
}

static int plan_swap_max(const struct resources *r, struct limit_write *w, struct err *e)
{
	int n = plan_amount("memory.swap", r->memory.swap, w, e);
	int64_t own;
	bool set;

	if (n < 0)
		return n;
	switch (convert_swap(r->memory.limit, r->memory.swap, &own, &set)) {
	case -EINVAL:
		return err_say(
			e, EINVAL, "linux.resources.memory.swap: needs a memory limit beside it");
	case -ERANGE:
		return err_say(e, EINVAL,
			"linux.resources.memory.swap: %" PRId64
			" is below the memory limit, %" PRId64 ", which it includes",
			r->memory.swap.value, r->memory.limit.value);
	default:
		break;
	}
	if (!set)
		return 0;
	convert_bytes(own, w->value);
	/* A kernel without swap has no such file, and no swap to use or to forbid. */
	if (own <= 0)
		w->flags = LIMIT_MAY_LACK;
	return 1;
}

static int plan_cpu_idle(const struct resources *r, struct limit_write *w, struct err *e)
{
	if (!r->cpu.idle.set)
		return 0;
	if (r->cpu.idle.value < 0 || r->cpu.idle.value > 1)
		return err_say(e, EINVAL,
			"linux.resources.cpu.idle: %" PRId64 " is neither 0 nor 1",
			r->cpu.idle.value);
	snprintf(w->value, sizeof(w->value), "%" PRId64, r->cpu.idle.value);
	return 1;
}

/* An idle group has no weight: the kernel refuses one (EINVAL). */
static int plan_cpu_weight(const struct resources *r, struct limit_write *w, struct err *e)
{
	(void)e;
	uint64_t weight = r->cpu.shares.set ? convert_cpu_weight(r->cpu.shares.value) : 0;
	if (weight == 0 || (r->cpu.idle.set && r->cpu.idle.value == 1))
		return 0;
	snprintf(w->value, sizeof(w->value), "%" PRIu64, weight);
	/* What every group has: containerd asks for it where nobody asked it for a weight. */
	w->flags = weight == CPU_WEIGHT_USUAL ? LIMIT_MAY_LACK : 0;
	return 1;
}

static int plan_cpu_burst_before(const struct resources *r, struct limit_write *w, struct err *e)
{
	(void)e;
	if (!r->cpu.burst.set)
		return 0;
	snprintf(w->value, sizeof(w->value), "%" PRIu64, r->cpu.burst.value);
	w->flags = LIMIT_COMES_AGAIN;
	return 1;
}

static int plan_cpu_burst(const struct resources *r, struct limit_write *w, struct err *e)
{
	int n = plan_cpu_burst_before(r, w, e);

	w->flags = 0;
	return n;
}

/* A quota alone leaves the period as it is; the kernel has no such form for a period alone. */
static int plan_cpu_max(const struct resources *r, struct limit_write *w, struct err *e)
{
	int n = plan_amount("cpu.quota", r->cpu.quota, w, e);
	bool period = r->cpu.period.set && r->cpu.period.value;

	if (n < 0 || !period)
		return n;
	if (n == 0) {
		w->flags = LIMIT_KEEP_FIRST;
		snprintf(w->value, sizeof(w->value), "max");
	}
	size_t at = strlen(w->value);
	snprintf(w->value + at, sizeof(w->value) - at, " %" PRIu64, r->cpu.period.value);
	return 1;
}

static int plan_text(const char *text, struct limit_write *w)
{
	w->text = text;
	return text && *text;
}

static int plan_cpuset_cpus(const struct resources *r, struct limit_write *w, struct err *e)
{
	(void)e;
	return plan_text(r->cpu.cpus, w);
}

static int plan_cpuset_mems(const struct resources *r, struct limit_write *w, struct err *e)
{
	(void)e;
	return plan_text(r->cpu.mems, w);
}

/* 0 allows no process beside the first: with "0" written that one could not be born in it. */
static int plan_pids_max(const struct resources *r, struct limit_write *w, struct err *e)
{
	struct opt_i64 limit = r->pids.limit;

	if (limit.set && limit.value == 0)
		limit.value = 1;
	return plan_amount("pids.limit", limit, w, e);
}

/* With BFQ a block device shares by a file of its own; without it that one is not there. */
static int plan_bfq_weight(const struct resources *r, struct limit_write *w, struct err *e)
{
	(void)e;
	if (!r->block_io.weight.value)
		return 0;
	snprintf(w->value, sizeof(w->value), "%" PRIu64, r->block_io.weight.value);
	w->flags = LIMIT_OR_NEXT;
	return 1;
}

static int plan_io_weight(const struct resources *r, struct limit_write *w, struct err *e)
{
	(void)e;
	if (!r->block_io.weight.value)
		return 0;
	snprintf(w->value, sizeof(w->value), "%" PRIu64,
		convert_io_weight(r->block_io.weight.value));
	return 1;
}

/* --- rows of many ---------------------------------------------------------------------------- */

/* There is room for all that the lists of the resources need. */
static struct limit_write *add(struct limits_plan *p, const struct row *row)
{
	struct limit_write *w = &p->v[p->n++];

	*w = (struct limit_write){ .controller = row->controller, .file = row->file };
	p->controllers |= row->controller;
	return w;
}

static int plan_device_weights(
	const struct row *row, const struct resources *r, struct limits_plan *p, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < r->block_io.n_weight_devices; i++) {
		const struct weight_device *d = &r->block_io.weight_devices[i];
		if (!d->weight.value)
			continue;
		struct limit_write *w = add(p, row);
		w->file = "io.bfq.weight";
		w->flags = LIMIT_OR_NEXT;
		snprintf(w->value, sizeof(w->value), "%" PRIu32 ":%" PRIu32 " %" PRIu64, d->major,
			d->minor, d->weight.value);
		w = add(p, row);
		snprintf(w->value, sizeof(w->value), "%" PRIu32 ":%" PRIu32 " %" PRIu64, d->major,
			d->minor, convert_io_weight(d->weight.value));
	}
	return 0;
}

static int plan_throttles(
	const struct row *row, const struct resources *r, struct limits_plan *p, struct err *e)
{
	const struct block_io_limits *b = &r->block_io;
	const struct {
		const char *key;
		const struct throttle_device *v;
		size_t n;
	} lists[] = {
		{ "rbps", b->read_bps, b->n_read_bps },
		{ "wbps", b->write_bps, b->n_write_bps },
		{ "riops", b->read_iops, b->n_read_iops },
		{ "wiops", b->write_iops, b->n_write_iops },
	};

	(void)e;
	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
		for (size_t i = 0; i < lists[k].n; i++) {
			const struct throttle_device *d = &lists[k].v[i];
			struct limit_write *w = add(p, row);
			int n = snprintf(w->value, sizeof(w->value),
				"%" PRIu32 ":%" PRIu32 " %s=", d->major, d->minor, lists[k].key);
			/* 0 took the limit away on v1; v2 says so by a word. */
			snprintf(w->value + n, sizeof(w->value) - (size_t)n,
				d->rate ? "%" PRIu64 : "max", d->rate);
		}
	return 0;
}

/* What is used, and, where the kernel counts that (5.7), what is reserved. */
static int plan_hugepages(
	const struct row *row, const struct resources *r, struct limits_plan *p, struct err *e)
{
	static const char *const kinds[] = { "max", "rsvd.max" };

	(void)e;
	for (size_t i = 0; i < r->n_hugepages; i++)
		for (size_t kind = 0; kind < 2; kind++) {
			struct limit_write *w = add(p, row);
			snprintf(w->name, sizeof(w->name), "hugetlb.%.16s.%s",
				r->hugepages[i].page_size, kinds[kind]);
			snprintf(w->value, sizeof(w->value), "%" PRIu64, r->hugepages[i].limit);
			w->file = w->name;
			w->flags = kind ? LIMIT_MAY_LACK : 0;
		}
	return 0;
}

static int plan_rdma(
	const struct row *row, const struct resources *r, struct limits_plan *p, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < r->n_rdma; i++) {
		const struct rdma_limit *d = &r->rdma[i];
		if (!d->handles.set && !d->objects.set)
			continue;
		struct limit_write *w = add(p, row);
		int n = snprintf(w->value, sizeof(w->value), "%.63s", d->device);
		if (d->handles.set)
			n += snprintf(w->value + n, sizeof(w->value) - (size_t)n,
				" hca_handle=%" PRIu64, d->handles.value);
		if (d->objects.set)
			snprintf(w->value + n, sizeof(w->value) - (size_t)n, " hca_object=%" PRIu64,
				d->objects.value);
	}
	return 0;
}

/* As they are, and last: they are what the kernel's own words say. */
static int plan_unified(
	const struct row *row, const struct resources *r, struct limits_plan *p, struct err *e)
{
	for (size_t i = 0; i < r->n_unified; i++) {
		const char *file = r->unified[i].key;
		int n = (int)strcspn(file, ".");
		enum controller controller = controller_of_file(file);
		if (!controller && strncmp(file, "cgroup.", 7) != 0)
			return err_say(e, ERR_NO_CONTROLLER,
				"linux.resources.unified: cannot set '%.80s': there is no "
				"controller '%.*s'",
				file, n, file);
		struct limit_write *w = add(p, row);
		w->controller = controller;
		p->controllers |= controller;
		w->file = file;
		w->text = r->unified[i].value;
		w->flags = LIMIT_BY_LINE;
	}
	return 0;
}

/*
 * In the order in which they are written. The kernel wants burst <= quota at any time: a burst that
 * shrinks goes before the quota, one that grows behind it, so it is written on both sides.
 */
static const struct row rows[] = {
	{ CONTROLLER_MEMORY, "memory.low", plan_memory_low, NULL },
	{ CONTROLLER_MEMORY, "memory.max", plan_memory_max, NULL },
	{ CONTROLLER_MEMORY, "memory.swap.max", plan_swap_max, NULL },
	{ CONTROLLER_CPU, "cpu.idle", plan_cpu_idle, NULL },
	{ CONTROLLER_CPU, "cpu.weight", plan_cpu_weight, NULL },
	{ CONTROLLER_CPU, "cpu.max.burst", plan_cpu_burst_before, NULL },
	{ CONTROLLER_CPU, "cpu.max", plan_cpu_max, NULL },
	{ CONTROLLER_CPU, "cpu.max.burst", plan_cpu_burst, NULL },
	{ CONTROLLER_CPUSET, "cpuset.cpus", plan_cpuset_cpus, NULL },
	{ CONTROLLER_CPUSET, "cpuset.mems", plan_cpuset_mems, NULL },
	{ CONTROLLER_PIDS, "pids.max", plan_pids_max, NULL },
	{ CONTROLLER_IO, "io.bfq.weight", plan_bfq_weight, NULL },
	{ CONTROLLER_IO, "io.weight", plan_io_weight, NULL },
	{ CONTROLLER_IO, "io.weight", NULL, plan_device_weights },
	{ CONTROLLER_IO, "io.max", NULL, plan_throttles },
	{ CONTROLLER_HUGETLB, "", NULL, plan_hugepages },
	{ CONTROLLER_RDMA, "rdma.max", NULL, plan_rdma },
	{ 0, "", NULL, plan_unified },
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static size_t most_writes(const struct resources *r)
{
	const struct block_io_limits *b = &r->block_io;

	return N_ROWS + 2 * b->n_weight_devices + b->n_read_bps + b->n_write_bps + b->n_read_iops +
	       b->n_write_iops + 2 * r->n_hugepages + r->n_rdma + r->n_unified;
}

static int plan_row(
	const struct row *row, const struct resources *r, struct limits_plan *p, struct err *e)
{
	if (row->list)
		return row->list(row, r, p, e);
	struct limit_write w = { .controller = row->controller, .file = row->file };
	unsigned needed = p->controllers;
	int n = row->value(r, &w, e);
	if (n > 0)
		*add(p, row) = w;
	if (w.flags & LIMIT_MAY_LACK)
		p->controllers = needed;
	return n < 0 ? n : 0;
}

int limits_plan(const struct resources *r, struct limits_plan *ret, struct err *e)
{
	automatic(limits_plan) struct limits_plan plan = { 0 };
	int bad = 0;

	if (r->cpu.realtime_runtime.value || r->cpu.realtime_period.value)
		return err_say(e, EINVAL, "linux.resources.cpu: cgroup v2 has no realtime limits");
	plan.v = calloc(most_writes(r), sizeof(*plan.v));
	if (!plan.v)
		return err_set(e, ENOMEM, "plan the limits");
	for (size_t i = 0; bad == 0 && i < N_ROWS; i++)
		bad = plan_row(&rows[i], r, &plan, e);
	if (bad < 0)
		return bad;
	*ret = plan;
	plan = (struct limits_plan){ 0 };
	return 0;
}

void limits_plan_done(struct limits_plan *p)
{
	free(p->v);
	*p = (struct limits_plan){ 0 };
}
