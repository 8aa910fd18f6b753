/* The checks of linux.resources, for config.json and for `update`. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "spec/resources.h"
#include "spec/base/log.h"

/* The kernel's bounds (kernel/sched/core.c), in microseconds. */
enum { CPU_PERIOD_MIN = 1000, CPU_PERIOD_MAX = 1000000, CPU_QUOTA_MIN = 1000 };

static int out_of_range(
	const char *path, const char *key, int64_t value, const char *range, struct err *e)
{
	return err_say(
		e, EINVAL, "%s.%s: %" PRId64 " is out of range (%s)", path, key, value, range);
}

static int check_devices(const struct resources *r, const char *path, struct err *e)
{
	for (size_t i = 0; i < r->n_devices; i++) {
		const struct device_rule *d = &r->devices[i];
		if (d->type && *d->type && (strlen(d->type) != 1 || !strchr("abc", *d->type)))
			return err_say(e, EINVAL,
				"%s.devices[%zu].type: '%.20s' is unknown (known: a, b, c)", path,
				i, d->type);
		if (d->access && strspn(d->access, "rwm") != strlen(d->access))
			return err_say(e, EINVAL,
				"%s.devices[%zu].access: '%.20s' is not of the letters r, w and m",
				path, i, d->access);
		/* -1: all of them */
		if ((d->major.set && (d->major.value < -1 || d->major.value > UINT32_MAX)) ||
			(d->minor.set && (d->minor.value < -1 || d->minor.value > UINT32_MAX)))
			return err_say(e, EINVAL,
				"%s.devices[%zu]: device number out of range (-1 to 4294967295)",
				path, i);
	}
	return 0;
}

/* Go writes an int64 here; only -1 has a meaning below 0. */
static int check_unlimited(struct opt_i64 n, const char *path, const char *key, struct err *e)
{
	if (n.set && n.value < -1)
		return out_of_range(path, key, n.value, "0 and above, or -1 for no limit", e);
	return 0;
}

/* One number for both, as v1 had it: v2's memory.swap.max is the difference. */
static int check_swap(const struct memory_limits *m, const char *path, struct err *e)
{
	bool is_limited = m->limit.set && m->limit.value > 0;

	if (!m->swap.set || m->swap.value <= 0)
		return 0;
	if (!is_limited)
		return err_say(e, EINVAL,
			"%s.memory.swap: needs memory.limit too: it is the sum of both", path);
	if (m->swap.value < m->limit.value)
		return err_say(e, EINVAL,
			"%s.memory.swap: %" PRId64 " is below memory.limit, %" PRId64
			": it is memory and swap together",
			path, m->swap.value, m->limit.value);
	return 0;
}

/* What version 1 had and version 2 has no file for. */
static int check_version_1(const struct resources *r, const char *path, struct err *e)
{
	const struct memory_limits *m = &r->memory;
	const struct {
		bool asked;
		const char *key;
	} rows[] = {
		{ m->kernel_tcp.set && m->kernel_tcp.value > 0, "memory.kernelTCP" },
		{ m->swappiness.set, "memory.swappiness" },
		{ m->disable_oom_killer.set && m->disable_oom_killer.value,
			"memory.disableOOMKiller" },
		{ r->cpu.realtime_runtime.set && r->cpu.realtime_runtime.value != 0,
			"cpu.realtimeRuntime" },
		{ r->cpu.realtime_period.set && r->cpu.realtime_period.value != 0,
			"cpu.realtimePeriod" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].asked)
			return err_say(e, ENOTSUP, "%s.%s: cgroup v2 has no such limit", path,
				rows[i].key);
	/* Engines go on sending this one; config-linux.md calls it deprecated. */
	if (m->kernel.set && m->kernel.value > 0)
		log_warn("%s.memory.kernel: cgroup v2 has no such limit, ignoring", path);
	return 0;
}

static int check_memory(const struct resources *r, const char *path, struct err *e)
{
	const struct memory_limits *m = &r->memory;
	int result = check_unlimited(m->limit, path, "memory.limit", e);

	if (result == 0)
		result = check_unlimited(m->reservation, path, "memory.reservation", e);
	if (result == 0)
		result = check_unlimited(m->swap, path, "memory.swap", e);
	return result < 0 ? result : check_swap(m, path, e);
}

/* "0-3,7": the kernel judges the numbers; here it is only kept from reading anything else. */
static int check_cpu_list(const char *list, const char *path, const char *key, struct err *e)
{
	if (list && strspn(list, "0123456789,-") != strlen(list))
		return err_say(e, EINVAL, "%s.cpu.%s: '%.40s' is not a list like '0-3,7'", path,
			key, list);
	return 0;
}

static int check_cpu(const struct resources *r, const char *path, struct err *e)
{
	const struct cpu_limits *c = &r->cpu;

	/* 0 is unset for all of them, as engines write it. */
	if (c->quota.set && c->quota.value > 0 && c->quota.value < CPU_QUOTA_MIN)
		return out_of_range(
			path, "cpu.quota", c->quota.value, "1000 us and above, or -1", e);
	if (c->quota.set && c->quota.value < -1)
		return out_of_range(
			path, "cpu.quota", c->quota.value, "1000 us and above, or -1", e);
	if (c->period.set && c->period.value != 0 &&
		(c->period.value < CPU_PERIOD_MIN || c->period.value > CPU_PERIOD_MAX))
		return err_say(e, EINVAL,
			"%s.cpu.period: %" PRIu64 " is out of range (%d to %d us)", path,
			c->period.value, CPU_PERIOD_MIN, CPU_PERIOD_MAX);
	if (c->burst.set && c->quota.set && c->quota.value > 0 &&
		c->burst.value > (uint64_t)c->quota.value)
		return err_say(e, EINVAL, "%s.cpu.burst: %" PRIu64 " is above cpu.quota, %" PRId64,
			path, c->burst.value, c->quota.value);
	if (c->idle.set && c->idle.value != 0 && c->idle.value != 1)
		return out_of_range(path, "cpu.idle", c->idle.value, "0 or 1", e);
	int result = check_cpu_list(c->cpus, path, "cpus", e);
	return result < 0 ? result : check_cpu_list(c->mems, path, "mems", e);
}

static int check_pids(const struct resources *r, const char *path, struct err *e)
{
	return check_unlimited(r->pids.limit, path, "pids.limit", e);
}

static int check_features(const struct resources *r, const char *path, struct err *e)
{
	const struct {
		bool asked;
		const char *key;
	} rows[] = {
		{ r->has_block_io, "blockIO" },
		{ r->has_hugepages, "hugepageLimits" },
		{ r->has_network, "network" },
		{ r->has_rdma, "rdma" },
		{ r->has_unified, "unified" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].asked)
			return err_say(e, ENOTSUP, "%s.%s: not supported by this version", path,
				rows[i].key);
	return 0;
}

int resources_validate(const struct resources *r, const char *path, struct err *e)
{
	static int (*const checks[])(const struct resources *, const char *, struct err *) = {
		check_devices,
		check_memory,
		check_cpu,
		check_pids,
		check_version_1,
		check_features,
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int result = checks[i](r, path, e);
		if (result < 0)
			return result;
	}
	return 0;
}
