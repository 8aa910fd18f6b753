/*
 * linux.resources: what a container may use. Shared by config.json and `update`.
 *
 * Numbers are as in the document; their conversion to cgroup v2 files is cgroup/'s business
 * (runtime-spec config-linux.md#control-groups). -1 is "unlimited".
 */
#ifndef SPEC_RESOURCES_H
#define SPEC_RESOURCES_H

#include <stddef.h>
#include <sys/types.h>

#include "spec/base/json.h"
#include "spec/base/opt.h"

struct device_rule {
	bool allow;
	char *type; /* "a", "c", "b"; NULL: all */
	struct opt_i64 major, minor;
	char *access; /* of "rwm" */
};

struct memory_limits {
	struct opt_i64 limit, reservation;
	struct opt_i64 swap; /* memory and swap together, as in v1 */
	struct opt_i64 kernel, kernel_tcp;
	struct opt_u64 swappiness;
	struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};

struct cpu_limits {
	struct opt_u64 shares; /* v1 scale: 2 to 262144, 1024 usual */
	struct opt_i64 quota;  /* microseconds in each period */
	struct opt_u64 period; /* microseconds */
	struct opt_u64 burst;  /* microseconds */
	struct opt_i64 idle;   /* 1: SCHED_IDLE for the group */
	struct opt_i64 realtime_runtime;
	struct opt_u64 realtime_period;
	char *cpus, *mems;
};

struct pids_limits {
	struct opt_i64 limit;
};

struct weight_device {
	uint32_t major, minor;
	struct opt_u64 weight, leaf_weight;
};

struct throttle_device {
	uint32_t major, minor;
	uint64_t rate; /* bytes or operations a second; 0: no limit */
};

struct block_io_limits {
	struct opt_u64 weight, leaf_weight; /* v1 scale: 10 to 1000; 0: unset */
	struct weight_device *weight_devices;
	struct throttle_device *read_bps, *write_bps, *read_iops, *write_iops;
	size_t n_weight_devices, n_read_bps, n_write_bps, n_read_iops, n_write_iops;
};

struct hugepage_limit {
	char *page_size; /* "2MB" */
	uint64_t limit;	 /* bytes */
};

struct rdma_limit {
	char *device; /* the key: "mlx5_0" */
	struct opt_u64 handles, objects;
};

struct resources {
	struct device_rule *devices;
	size_t n_devices;
	struct memory_limits memory;
	struct cpu_limits cpu;
	struct pids_limits pids;
	struct block_io_limits block_io;
	struct hugepage_limit *hugepages;
	struct rdma_limit *rdma;
	struct string_pair *unified; /* file of the cgroup, and what is written to it */
	size_t n_hugepages, n_rdma, n_unified;
	bool has_network; /* asked for, and told that it is without effect */
};

extern const struct field resources_fields[];

/*
 * Whether these limits make sense together and a cgroup of version 2 can hold them. `path` is their
 * place in errors: "linux.resources", or "resources" for an update.
 */
int resources_validate(const struct resources *r, const char *path, struct err *e);

/* True when any limit of these is asked for: an empty object needs no controller. */
bool resources_limit_memory(const struct resources *r);
bool resources_limit_cpu(const struct resources *r);
bool resources_limit_cpuset(const struct resources *r);
bool resources_limit_pids(const struct resources *r);

#endif
