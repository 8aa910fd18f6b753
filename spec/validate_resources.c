/* The checks of linux.resources, for config.json and for `update`. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
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
		if (d->access && *d->access &&
			(strspn(d->access, "rwma") != strlen(d->access) ||
				!strpbrk(d->access, "rwm")))
			return err_say(e, EINVAL,
				"%s.devices[%zu].access: '%.20s' is not of the letters r, w and m",
				path, i, d->access);
		/* A type that slipped into the letters: other runtimes do without it unseen. */
		if (d->access && strchr(d->access, 'a'))
			log_warn("%s.devices[%zu].access: '%s': 'a' is no access, ignoring", path,
				i, d->access);
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

static bool is_wanted(struct opt_i64 n)
{
	return n.set && n.value > 0;
}

/*
 * What version 1 had and version 2 has no file for. Engines go on sending some of it, and other
 * runtimes take all of it without a word; real-time programs would not run.
 */
static int check_version_1(const struct resources *r, const char *path, struct err *e)
{
	const struct memory_limits *m = &r->memory;
	const struct {
		bool asked;
		const char *key;
	} rows[] = {
		{ is_wanted(m->kernel), "memory.kernel" },
		{ is_wanted(m->kernel_tcp), "memory.kernelTCP" },
		{ m->swappiness.set, "memory.swappiness" },
		{ m->disable_oom_killer.set && m->disable_oom_killer.value,
			"memory.disableOOMKiller" },
		{ r->block_io.leaf_weight.set && r->block_io.leaf_weight.value,
			"blockIO.leafWeight" },
		{ r->has_network, "network" },
	};

	if (r->cpu.realtime_runtime.set && r->cpu.realtime_runtime.value != 0)
		return err_say(
			e, ENOTSUP, "%s.cpu.realtimeRuntime: cgroup v2 has no such limit", path);
	if (r->cpu.realtime_period.set && r->cpu.realtime_period.value != 0)
		return err_say(
			e, ENOTSUP, "%s.cpu.realtimePeriod: cgroup v2 has no such limit", path);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].asked)
			log_warn("%s.%s: cgroup v2 has nothing like it, ignoring", path,
				rows[i].key);
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

static int check_weight(struct opt_u64 weight, const char *path, const char *key, struct err *e)
{
	/* As version 1 and engines have it; 0 is unset. */
	if (weight.set && weight.value != 0 && (weight.value < 10 || weight.value > 1000))
		return err_say(e, EINVAL, "%s.blockIO.%s: %" PRIu64 " is out of range (10 to 1000)",
			path, key, weight.value);
	return 0;
}

static int check_block_io(const struct resources *r, const char *path, struct err *e)
{
	const struct block_io_limits *b = &r->block_io;
	int result = check_weight(b->weight, path, "weight", e);

	for (size_t i = 0; result == 0 && i < b->n_weight_devices; i++) {
		char key[48];
		snprintf(key, sizeof(key), "weightDevice[%zu].weight", i);
		result = check_weight(b->weight_devices[i].weight, path, key, e);
	}
	return result;
}

/* "2MB", as the files of a cgroup are named. */
static bool is_page_size(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n > 0 && n < 8 && text[n] && strchr("KMG", text[n]) &&
	       strcmp(text + n + 1, "B") == 0;
}

static int check_hugepages(const struct resources *r, const char *path, struct err *e)
{
	for (size_t i = 0; i < r->n_hugepages; i++)
		if (!is_page_size(r->hugepages[i].page_size))
			return err_say(e, EINVAL,
				"%s.hugepageLimits[%zu].pageSize: '%.40s' is no size like '2MB'",
				path, i, r->hugepages[i].page_size);
	return 0;
}

/* The name becomes a word of a line. */
static int check_rdma(const struct resources *r, const char *path, struct err *e)
{
	for (size_t i = 0; i < r->n_rdma; i++) {
		const char *name = r->rdma[i].device;
		if (!*name || strlen(name) > 63 || strpbrk(name, " \t\n"))
			return err_say(
				e, EINVAL, "%s.rdma: '%.80s' is no name of a device", path, name);
		if ((r->rdma[i].handles.set && r->rdma[i].handles.value > INT32_MAX) ||
			(r->rdma[i].objects.set && r->rdma[i].objects.value > INT32_MAX))
			return err_say(e, EINVAL, "%s.rdma.%s: a number is out of range (0 to %d)",
				path, name, INT32_MAX);
	}
	return 0;
}

/* Files that do something to the processes, or would take ours: no limits. */
static const char *const no_limits[] = { "cgroup.freeze", "cgroup.kill", "cgroup.procs",
	"cgroup.subtree_control", "cgroup.threads", "cgroup.type", NULL };

static int check_unified(const struct resources *r, const char *path, struct err *e)
{
	for (size_t i = 0; i < r->n_unified; i++) {
		const char *key = r->unified[i].key, *dot = strchr(key, '.');
		if (strchr(key, '/'))
			return err_say(e, EINVAL,
				"%s.unified: '%.80s' must be the name of a file, without slashes",
				path, key);
		if (!dot || dot == key || !dot[1] || strlen(key) > 255)
			return err_say(e, EINVAL,
				"%s.unified: '%.80s' is not of the form CONTROLLER.PARAMETER", path,
				key);
		for (const char *const *name = no_limits; *name; name++)
			if (strcmp(*name, key) == 0)
				return err_say(
					e, EINVAL, "%s.unified: '%s' is not a limit", path, key);
	}
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
		check_block_io,
		check_hugepages,
		check_rdma,
		check_unified,
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int result = checks[i](r, path, e);
		if (result < 0)
			return result;
	}
	return 0;
}
