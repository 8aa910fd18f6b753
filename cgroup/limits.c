/* linux.resources as cgroup files. */
#include "cgroup/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cgroup/convert.h"
#include "cgroup/knob.h"
#include "spec/base/str.h"

/* --- the rows' values: 1 to write, 0 to leave alone, -errno ---------------------------------- */

typedef int plan_value(const struct resources *r, struct limit_write *w, struct err *e);

/* A number where 0 is as unset and -1 unlimited. */
static int plan_amount(const char *key, struct opt_i64 v, struct limit_write *w, struct err *e)
{
	if (!v.set || v.value == 0)
		return 0;
	if (v.value < -1)
		return err_say(
			e, EINVAL, "linux.resources.%s: %" PRId64 " is no limit", key, v.value);
	convert_bytes(v.value, w->value);
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

/*
 * In the order in which they are written. The kernel wants burst <= quota at any time: a burst that
 * shrinks goes before the quota, one that grows behind it, so it is written on both sides.
 */
static const struct {
	enum controller controller;
	const char *file;
	plan_value *plan;
} rows[] = {
	{ CONTROLLER_MEMORY, "memory.low", plan_memory_low },
	{ CONTROLLER_MEMORY, "memory.max", plan_memory_max },
	{ CONTROLLER_MEMORY, "memory.swap.max", plan_swap_max },
	{ CONTROLLER_CPU, "cpu.idle", plan_cpu_idle },
	{ CONTROLLER_CPU, "cpu.weight", plan_cpu_weight },
	{ CONTROLLER_CPU, "cpu.max.burst", plan_cpu_burst_before },
	{ CONTROLLER_CPU, "cpu.max", plan_cpu_max },
	{ CONTROLLER_CPU, "cpu.max.burst", plan_cpu_burst },
	{ CONTROLLER_CPUSET, "cpuset.cpus", plan_cpuset_cpus },
	{ CONTROLLER_CPUSET, "cpuset.mems", plan_cpuset_mems },
	{ CONTROLLER_PIDS, "pids.max", plan_pids_max },
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };
_Static_assert((int)N_ROWS <= (int)LIMITS_MAX, "a plan has room for every row");

int limits_plan(const struct resources *r, struct limits_plan *ret, struct err *e)
{
	struct limits_plan plan;

	plan.n = 0;
	plan.controllers = 0;
	if (r->cpu.realtime_runtime.value || r->cpu.realtime_period.value)
		return err_say(e, EINVAL, "linux.resources.cpu: cgroup v2 has no realtime limits");
	for (size_t i = 0; i < N_ROWS; i++) {
		struct limit_write *w = &plan.v[plan.n];
		*w = (struct limit_write){ .controller = rows[i].controller, .file = rows[i].file };
		int n = rows[i].plan(r, w, e);
		if (n < 0)
			return n;
		if (n == 0)
			continue;
		plan.controllers |= w->controller;
		plan.n++;
	}
	*ret = plan;
	return 0;
}

int limits_check(int root, const struct resources *r, struct err *e)
{
	struct limits_plan plan;
	int bad = limits_plan(r, &plan, e);

	if (bad < 0 || plan.n == 0)
		return bad;
	unsigned offered = hierarchy_controllers(root);
	for (size_t i = 0; i < plan.n; i++)
		if (!(plan.v[i].controller & offered))
			return hierarchy_refuse(plan.v[i].controller, e);
	return 0;
}

/* --- writing --------------------------------------------------------------------------------- */

static int write_error(const struct limit_write *w, const char *value, int code, struct err *e)
{
	if (code == ENOENT)
		return err_say(e, ERR_NO_CONTROLLER,
			"cannot set '%s': this cgroup or this kernel does not have it", w->file);
	return knob_error(e, code, "set '%s' to '%s'", w->file, value);
}

/* cpu.max takes both numbers: the first one stays what it is. */
static int keep_first(int fd, struct limit_write *w)
{
	char now[sizeof(w->value)], rest[sizeof(w->value)];
	ssize_t n = knob_read(fd, w->file, now, sizeof(now));

	if (n < 0)
		return (int)n;
	now[strcspn(now, " \n")] = '\0';
	snprintf(rest, sizeof(rest), "%s", w->value + strcspn(w->value, " "));
	snprintf(w->value, sizeof(w->value), "%.20s%.24s", now, rest);
	return 0;
}

static int write_one(int fd, struct limit_write *w, struct err *e)
{
	const char *value = w->text ? w->text : w->value;
	int r = w->flags & LIMIT_KEEP_FIRST ? keep_first(fd, w) : 0;

	if (r == 0)
		r = knob_write(fd, w->file, value);
	if ((r == -ENOENT && w->flags & LIMIT_MAY_LACK) ||
		(r == -EINVAL && w->flags & LIMIT_COMES_AGAIN))
		return 0;
	return r < 0 ? write_error(w, value, -r, e) : 0;
}

/* 0 where it cannot be told. */
static uint64_t usage(int fd, const char *file)
{
	uint64_t value;

	return knob_read_number(fd, file, &value) == 0 ? value : 0;
}

/* memory.checkBeforeUpdate: the kernel would reclaim and then kill; v1 refused. */
static int check_usage(int fd, const struct memory_limits *m, struct err *e)
{
	uint64_t used = usage(fd, "memory.current");

	if (m->limit.set && m->limit.value > 0 && used > (uint64_t)m->limit.value)
		return err_say(e, EBUSY,
			"rejecting memory limit %" PRId64 ": %" PRIu64 " bytes are in use",
			m->limit.value, used);
	used += usage(fd, "memory.swap.current");
	if (m->swap.set && m->swap.value > 0 && used > (uint64_t)m->swap.value)
		return err_say(e, EBUSY,
			"rejecting memory+swap limit %" PRId64 ": %" PRIu64 " bytes are in use",
			m->swap.value, used);
	return 0;
}

int limits_apply(int fd, const struct resources *r, struct err *e)
{
	const struct opt_bool *check = &r->memory.check_before_update;
	struct limits_plan plan = { .n = 0 };
	int bad = limits_plan(r, &plan, e);

	if (bad == 0 && check->set && check->value)
		bad = check_usage(fd, &r->memory, e);
	for (size_t i = 0; bad == 0 && i < plan.n; i++)
		bad = write_one(fd, &plan.v[i], e);
	return bad;
}

int limits_die_together(int fd, struct err *e)
{
	int r = knob_write(fd, "memory.oom.group", "1");

	return r < 0 ? knob_error(e, -r, "set 'memory.oom.group'") : 0;
}
