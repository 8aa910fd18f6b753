/*
 * How the process is scheduled: CPU time, I/O, CPUs, memory nodes; and as what kind of Linux.
 *
 * The kernel's numbers begin at 0, which is "absent" in a table: each value here is one more.
 */
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>

#include "spec/fields.h"

#define MPOL_WEIGHTED 6 /* MPOL_WEIGHTED_INTERLEAVE, 6.9 */

static const struct enum_name policies[] = {
	{ "SCHED_OTHER", SCHED_NORMAL + 1 },
	{ "SCHED_FIFO", SCHED_FIFO + 1 },
	{ "SCHED_RR", SCHED_RR + 1 },
	{ "SCHED_BATCH", SCHED_BATCH + 1 },
	{ "SCHED_ISO", 4 + 1 }, /* reserved in the kernel, which says so itself */
	{ "SCHED_IDLE", SCHED_IDLE + 1 },
	{ "SCHED_DEADLINE", SCHED_DEADLINE + 1 },
	{ 0 },
};

/* Bits, so as they are. */
static const struct enum_name scheduler_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK },
	{ "SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM },
	{ "SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN },
	{ "SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY },
	{ "SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS },
	{ "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX },
	{ 0 },
};

const struct field scheduler_fields[] = {
	FIELD(struct scheduler_spec, "policy", FIELD_ENUM, policy, .must = true, .names = policies),
	FIELD(struct scheduler_spec, "nice", FIELD_I32, nice),
	FIELD(struct scheduler_spec, "priority", FIELD_I32, priority),
	FIELD_LIST(struct scheduler_spec, "flags", FIELD_ENUM, flags, n_flags,
		.names = scheduler_flags),
	FIELD(struct scheduler_spec, "runtime", FIELD_U64, runtime),
	FIELD(struct scheduler_spec, "deadline", FIELD_U64, deadline),
	FIELD(struct scheduler_spec, "period", FIELD_U64, period),
	{ 0 },
};

static const struct enum_name io_classes[] = {
	{ "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
	{ "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
	{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
	{ 0 },
};

const struct field io_priority_fields[] = {
	FIELD(struct io_priority_spec, "class", FIELD_ENUM, io_class, .must = true,
		.names = io_classes),
	FIELD(struct io_priority_spec, "priority", FIELD_I32, priority),
	{ 0 },
};

const struct field cpu_affinity_fields[] = {
	FIELD(struct cpu_affinity_spec, "initial", FIELD_STRING, initial),
	FIELD(struct cpu_affinity_spec, "final", FIELD_STRING, final),
	{ 0 },
};

const struct enum_name memory_policy_modes[] = {
	{ "MPOL_DEFAULT", MPOL_DEFAULT + 1 },
	{ "MPOL_PREFERRED", MPOL_PREFERRED + 1 },
	{ "MPOL_BIND", MPOL_BIND + 1 },
	{ "MPOL_INTERLEAVE", MPOL_INTERLEAVE + 1 },
	{ "MPOL_LOCAL", MPOL_LOCAL + 1 },
	{ "MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY + 1 },
	{ "MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED + 1 },
	{ 0 },
};

/* Bits of set_mempolicy()'s mode. */
const struct enum_name memory_policy_flags[] = {
	{ "MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING },
	{ "MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES },
	{ "MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES },
	{ 0 },
};

/* Words and not enums: validation has the texts that callers look for. */
const struct field memory_policy_fields[] = {
	FIELD(struct memory_policy_spec, "mode", FIELD_STRING, mode),
	FIELD(struct memory_policy_spec, "nodes", FIELD_STRING, nodes),
	FIELD_LIST(struct memory_policy_spec, "flags", FIELD_STRING, flags, n_flags),
	{ 0 },
};

static const struct enum_name personality_domains[] = {
	{ "LINUX", PERSONALITY_LINUX },
	{ "LINUX32", PERSONALITY_LINUX32 },
	{ 0 },
};

const struct field personality_fields[] = {
	FIELD(struct personality_spec, "domain", FIELD_ENUM, domain, .must = true,
		.names = personality_domains),
	FIELD_LIST(struct personality_spec, "flags", FIELD_STRING, flags, n_flags),
	{ 0 },
};

const struct field rdt_fields[] = {
	FIELD(struct rdt_spec, "closID", FIELD_STRING, clos),
	FIELD(struct rdt_spec, "l3CacheSchema", FIELD_STRING, l3),
	FIELD(struct rdt_spec, "memBwSchema", FIELD_STRING, mb),
	FIELD_LIST(struct rdt_spec, "schemata", FIELD_STRING, schemata, n_schemata),
	FIELD(struct rdt_spec, "enableMonitoring", FIELD_BOOL, monitoring),
	{ 0 },
};

bool rdt_has_clos(const struct rdt_spec *r)
{
	return r->clos && *r->clos;
}

uint32_t memory_policy_mode(const struct memory_policy_spec *m)
{
	uint32_t mode = (uint32_t)enum_value_of(memory_policy_modes, m->mode) - 1;

	for (size_t i = 0; i < m->n_flags; i++)
		mode |= (uint32_t)enum_value_of(memory_policy_flags, m->flags[i]);
	return mode;
}
