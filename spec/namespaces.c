/* linux.namespaces, and the id maps of a user namespace. */
#include <linux/sched.h>

#include "spec/fields.h"

const struct enum_name namespace_names[] = {
	{ "pid", CLONE_NEWPID },
	{ "network", CLONE_NEWNET },
	{ "mount", CLONE_NEWNS },
	{ "ipc", CLONE_NEWIPC },
	{ "uts", CLONE_NEWUTS },
	{ "user", CLONE_NEWUSER },
	{ "cgroup", CLONE_NEWCGROUP },
	{ "time", CLONE_NEWTIME },
	{ 0 },
};

const struct field namespace_fields[] = {
	FIELD(struct namespace_spec, "type", FIELD_ENUM, type, .must = true,
		.names = namespace_names),
	FIELD(struct namespace_spec, "path", FIELD_STRING, path),
	{ 0 },
};

const struct field net_device_fields[] = {
	FIELD(struct net_device, "name", FIELD_STRING, name),
	{ 0 },
};

const struct field time_offset_fields[] = {
	FIELD(struct time_offset, "secs", FIELD_OPT_I64, secs),
	FIELD(struct time_offset, "nanosecs", FIELD_U32, nanosecs),
	{ 0 },
};

const struct field id_map_fields[] = {
	FIELD(struct id_map, "containerID", FIELD_U32, inside, .must = true, .always = true),
	FIELD(struct id_map, "hostID", FIELD_U32, outside, .must = true, .always = true),
	FIELD(struct id_map, "size", FIELD_U32, size, .must = true, .always = true),
	{ 0 },
};
