/* linux.resources: the table, and what of it needs a cgroup controller. */
#include "spec/resources.h"

static const struct field device_rule_fields[] = {
	FIELD(struct device_rule, "allow", FIELD_BOOL, allow, .must = true, .always = true),
	FIELD(struct device_rule, "type", FIELD_STRING, type),
	FIELD(struct device_rule, "major", FIELD_OPT_I64, major),
	FIELD(struct device_rule, "minor", FIELD_OPT_I64, minor),
	FIELD(struct device_rule, "access", FIELD_STRING, access),
	{ 0 },
};

static const struct field memory_fields[] = {
	FIELD(struct memory_limits, "limit", FIELD_OPT_I64, limit),
	FIELD(struct memory_limits, "reservation", FIELD_OPT_I64, reservation),
	FIELD(struct memory_limits, "swap", FIELD_OPT_I64, swap),
	FIELD(struct memory_limits, "kernel", FIELD_OPT_I64, kernel),
	FIELD(struct memory_limits, "kernelTCP", FIELD_OPT_I64, kernel_tcp),
	FIELD(struct memory_limits, "swappiness", FIELD_OPT_U64, swappiness),
	FIELD(struct memory_limits, "disableOOMKiller", FIELD_OPT_BOOL, disable_oom_killer),
	FIELD(struct memory_limits, "useHierarchy", FIELD_OPT_BOOL, use_hierarchy),
	FIELD(struct memory_limits, "checkBeforeUpdate", FIELD_OPT_BOOL, check_before_update),
	{ 0 },
};

static const struct field cpu_fields[] = {
	FIELD(struct cpu_limits, "shares", FIELD_OPT_U64, shares),
	FIELD(struct cpu_limits, "quota", FIELD_OPT_I64, quota),
	FIELD(struct cpu_limits, "period", FIELD_OPT_U64, period),
	FIELD(struct cpu_limits, "burst", FIELD_OPT_U64, burst),
	FIELD(struct cpu_limits, "idle", FIELD_OPT_I64, idle),
	FIELD(struct cpu_limits, "realtimeRuntime", FIELD_OPT_I64, realtime_runtime),
	FIELD(struct cpu_limits, "realtimePeriod", FIELD_OPT_U64, realtime_period),
	FIELD(struct cpu_limits, "cpus", FIELD_STRING, cpus),
	FIELD(struct cpu_limits, "mems", FIELD_STRING, mems),
	{ 0 },
};

static const struct field pids_fields[] = {
	FIELD(struct pids_limits, "limit", FIELD_OPT_I64, limit),
	{ 0 },
};

static const struct field weight_device_fields[] = {
	FIELD(struct weight_device, "major", FIELD_U32, major, .must = true, .always = true),
	FIELD(struct weight_device, "minor", FIELD_U32, minor, .must = true, .always = true),
	FIELD(struct weight_device, "weight", FIELD_OPT_U64, weight),
	FIELD(struct weight_device, "leafWeight", FIELD_OPT_U64, leaf_weight),
	{ 0 },
};

static const struct field throttle_device_fields[] = {
	FIELD(struct throttle_device, "major", FIELD_U32, major, .must = true, .always = true),
	FIELD(struct throttle_device, "minor", FIELD_U32, minor, .must = true, .always = true),
	FIELD(struct throttle_device, "rate", FIELD_U64, rate, .must = true, .always = true),
	{ 0 },
};

#define THROTTLES(key, member)                                                                     \
	FIELD_LIST(struct block_io_limits, key, FIELD_OBJECT, member, n_##member,                  \
		.inside = throttle_device_fields, .size = sizeof(struct throttle_device))

static const struct field block_io_fields[] = {
	FIELD(struct block_io_limits, "weight", FIELD_OPT_U64, weight),
	FIELD(struct block_io_limits, "leafWeight", FIELD_OPT_U64, leaf_weight),
	FIELD_LIST(struct block_io_limits, "weightDevice", FIELD_OBJECT, weight_devices,
		n_weight_devices, .inside = weight_device_fields,
		.size = sizeof(struct weight_device)),
	THROTTLES("throttleReadBpsDevice", read_bps),
	THROTTLES("throttleWriteBpsDevice", write_bps),
	THROTTLES("throttleReadIOPSDevice", read_iops),
	THROTTLES("throttleWriteIOPSDevice", write_iops),
	{ 0 },
};

static const struct field hugepage_fields[] = {
	FIELD(struct hugepage_limit, "pageSize", FIELD_STRING, page_size, .must = true),
	FIELD(struct hugepage_limit, "limit", FIELD_U64, limit, .must = true, .always = true),
	{ 0 },
};

static const struct field rdma_fields[] = {
	FIELD(struct rdma_limit, "hcaHandles", FIELD_OPT_U64, handles),
	FIELD(struct rdma_limit, "hcaObjects", FIELD_OPT_U64, objects),
	{ 0 },
};

const struct field resources_fields[] = {
	FIELD_LIST(struct resources, "devices", FIELD_OBJECT, devices, n_devices,
		.inside = device_rule_fields, .size = sizeof(struct device_rule)),
	FIELD(struct resources, "memory", FIELD_OBJECT, memory, .inside = memory_fields),
	FIELD(struct resources, "cpu", FIELD_OBJECT, cpu, .inside = cpu_fields),
	FIELD(struct resources, "pids", FIELD_OBJECT, pids, .inside = pids_fields),
	FIELD(struct resources, "blockIO", FIELD_OBJECT, block_io, .inside = block_io_fields),
	FIELD_LIST(struct resources, "hugepageLimits", FIELD_OBJECT, hugepages, n_hugepages,
		.inside = hugepage_fields, .size = sizeof(struct hugepage_limit)),
	FIELD(struct resources, "network", FIELD_PRESENT, has_network),
	FIELD_LIST(struct resources, "rdma", FIELD_OBJECT_MAP, rdma, n_rdma, .inside = rdma_fields,
		.size = sizeof(struct rdma_limit)),
	FIELD_LIST(struct resources, "unified", FIELD_MAP, unified, n_unified),
	{ 0 },
};

/* 0 is "unset" to every engine, and -1 "unlimited": both are what a new group is without us. */
static bool is_limit(struct opt_i64 n)
{
	return n.set && n.value > 0;
}

static bool is_asked(struct opt_u64 n)
{
	return n.set && n.value != 0;
}

bool resources_limit_memory(const struct resources *r)
{
	return is_limit(r->memory.limit) || is_limit(r->memory.reservation) ||
	       is_limit(r->memory.swap);
}

bool resources_limit_cpu(const struct resources *r)
{
	const struct cpu_limits *c = &r->cpu;

	return is_asked(c->shares) || is_limit(c->quota) || is_asked(c->period) ||
	       is_asked(c->burst) || is_limit(c->idle) || is_limit(c->realtime_runtime) ||
	       is_asked(c->realtime_period);
}

bool resources_limit_cpuset(const struct resources *r)
{
	return (r->cpu.cpus && *r->cpu.cpus) || (r->cpu.mems && *r->cpu.mems);
}

bool resources_limit_pids(const struct resources *r)
{
	return is_limit(r->pids.limit);
}
