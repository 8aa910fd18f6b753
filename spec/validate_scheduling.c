/* The checks of how a process is scheduled, of its personality, and of its group of resctrl. */
#include <errno.h>
#include <limits.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>

#include "spec/number_list.h"
#include "spec/validate.h"

enum {
	NICE_MIN = -20,
	NICE_MAX = 19,
	IO_PRIORITY_MAX = 7,
};

/* sched_setattr() says EINVAL to all of these. */
int check_scheduler(const struct process_spec *p, const char *path, struct err *e)
{
	const struct scheduler_spec *s = p->scheduler;

	if (!s)
		return 0;
	int policy = s->policy - 1;
	if (s->nice < NICE_MIN || s->nice > NICE_MAX)
		return err_say(e, EINVAL, "%s.scheduler.nice: %d is out of range (%d to %d)", path,
			s->nice, NICE_MIN, NICE_MAX);
	if (s->priority && policy != SCHED_FIFO && policy != SCHED_RR)
		return err_say(e, EINVAL,
			"%s.scheduler.priority: only SCHED_FIFO and SCHED_RR have one", path);
	if ((s->runtime || s->deadline || s->period) && policy != SCHED_DEADLINE)
		return err_say(e, EINVAL,
			"%s.scheduler: only SCHED_DEADLINE has runtime, deadline and period", path);
	return 0;
}

int check_io_priority(const struct process_spec *p, const char *path, struct err *e)
{
	const struct io_priority_spec *i = p->io_priority;

	if (i && (i->priority < 0 || i->priority > IO_PRIORITY_MAX))
		return err_say(e, EINVAL, "%s.ioPriority.priority: %d is out of range (0 to %d)",
			path, i->priority, IO_PRIORITY_MAX);
	return 0;
}

static int check_cpus(const char *cpus, const char *path, const char *key, struct err *e)
{
	struct number_list list;

	/* "" is as if it were not there, as engines write it. */
	if (cpus && *cpus && !number_list_read(cpus, &list))
		return err_say(e, EINVAL,
			"%s.execCPUAffinity.%s: '%.40s' is not a list like '0-3,7'", path, key,
			cpus);
	return 0;
}

int check_cpu_affinity(const struct process_spec *p, const char *path, struct err *e)
{
	const struct cpu_affinity_spec *a = p->cpu_affinity;
	int r = a ? check_cpus(a->initial, path, "initial", e) : 0;

	return r < 0 || !a ? r : check_cpus(a->final, path, "final", e);
}

int check_personality(const struct spec *s, struct err *e)
{
	const struct personality_spec *p = s->linux_.personality;

	/* config-linux.md has none yet that a runtime must take. */
	if (p && p->n_flags)
		return err_say(e, ENOTSUP, "linux.personality.flags[0]: '%.40s' is not supported",
			p->flags[0]);
	return 0;
}

static int check_nodes(const struct memory_policy_spec *m, struct err *e)
{
	static const struct {
		const char *mode;
		bool none, some;
	} rows[] = {
		{ "MPOL_DEFAULT", .none = true },
		{ "MPOL_LOCAL", .none = true },
		{ "MPOL_BIND", .some = true },
		{ "MPOL_INTERLEAVE", .some = true },
		{ "MPOL_PREFERRED_MANY", .some = true },
		{ "MPOL_WEIGHTED_INTERLEAVE", .some = true },
	};
	struct number_list nodes = { 0 };

	if (m->nodes && *m->nodes && !number_list_read(m->nodes, &nodes))
		return err_say(e, EINVAL,
			"linux.memoryPolicy.nodes: invalid memory policy nodes '%.40s': not a list like '0-3,7'",
			m->nodes);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].mode, m->mode) != 0)
			continue;
		if (rows[i].none && nodes.count)
			return err_say(e, EINVAL,
				"linux.memoryPolicy.nodes: %s mode requires 0 nodes but got %u",
				m->mode, nodes.count);
		if (rows[i].some && !nodes.count)
			return err_say(e, EINVAL,
				"linux.memoryPolicy.nodes: %s mode requires at least one node but got 0",
				m->mode);
	}
	return 0;
}

int check_memory_policy(const struct spec *s, struct err *e)
{
	const struct memory_policy_spec *m = s->linux_.memory_policy;

	if (!m)
		return 0;
	if (!m->mode || !enum_value_of(memory_policy_modes, m->mode))
		return err_say(e, EINVAL,
			"linux.memoryPolicy.mode: invalid memory policy mode '%.40s'",
			m->mode ? m->mode : "");
	for (size_t i = 0; i < m->n_flags; i++)
		if (!enum_value_of(memory_policy_flags, m->flags[i]))
			return err_say(e, EINVAL,
				"linux.memoryPolicy.flags[%zu]: invalid memory policy flag '%.40s'",
				i, m->flags[i]);
	return check_nodes(m, e);
}

/* A second line in a line would be one that nobody judged. */
static bool is_line(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
	return true;
}

static int check_schema(const char *line, const char *key, struct err *e)
{
	return !line || is_line(line)
		       ? 0
		       : err_say(e, EINVAL,
				 "linux.intelRdt.%s: has a newline or another control character",
				 key);
}

/* One name below resctrl's root, and none of the directories that the kernel makes there. */
static bool is_clos(const char *name)
{
	static const char *const taken[] = { ".", "..", "info", "mon_groups", "mon_data" };

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strcmp(name, taken[i]) == 0)
			return false;
	return strcmp(name, "/") == 0 ||
	       (strlen(name) <= NAME_MAX && is_line(name) && !strchr(name, '/'));
}

int check_rdt(const struct spec *s, struct err *e)
{
	const struct rdt_spec *rdt = s->linux_.rdt;
	char key[40];

	if (!rdt)
		return 0;
	if (rdt_has_clos(rdt) && !is_clos(rdt->clos))
		return err_say(e, EINVAL, "linux.intelRdt.closID: '%.80s' is no name of a group",
			rdt->clos);
	int r = check_schema(rdt->l3, "l3CacheSchema", e);
	if (r == 0)
		r = check_schema(rdt->mb, "memBwSchema", e);
	for (size_t i = 0; r == 0 && i < rdt->n_schemata; i++) {
		snprintf(key, sizeof(key), "schemata[%zu]", i);
		r = check_schema(rdt->schemata[i], key, e);
	}
	if (r == 0 && rdt->mb && *rdt->mb && !str_starts(rdt->mb, "MB:"))
		return err_say(e, EINVAL,
			"linux.intelRdt.memBwSchema: '%.80s' does not begin with MB:", rdt->mb);
	return r;
}
