/*
 * config.json: the root of its tables, and how a document becomes a value.
 *
 * Theory of operation: bytes -> json_read() by the tables of this room -> struct spec, which says
 * what the document says -> spec_validate(), which says whether it makes sense and can be done.
 * Nothing here touches the system but the opening of the file.
 */
#include "spec/spec.h"

#include <linux/sched.h>

#include "spec/base/fd.h"
#include "spec/fields.h"

static const struct field root_fields[] = {
	FIELD(struct root_spec, "path", FIELD_STRING, path),
	FIELD(struct root_spec, "readonly", FIELD_BOOL, readonly),
	{ 0 },
};

static const struct field linux_fields[] = {
	FIELD_LIST(struct linux_spec, "namespaces", FIELD_OBJECT, namespaces, n_namespaces,
		.inside = namespace_fields, .size = sizeof(struct namespace_spec)),
	FIELD_LIST(struct linux_spec, "uidMappings", FIELD_OBJECT, uid_maps, n_uid_maps,
		.inside = id_map_fields, .size = sizeof(struct id_map)),
	FIELD_LIST(struct linux_spec, "gidMappings", FIELD_OBJECT, gid_maps, n_gid_maps,
		.inside = id_map_fields, .size = sizeof(struct id_map)),
	FIELD_LIST(struct linux_spec, "devices", FIELD_OBJECT, devices, n_devices,
		.inside = device_fields, .size = sizeof(struct device_spec)),
	FIELD(struct linux_spec, "cgroupsPath", FIELD_STRING, cgroups_path),
	FIELD(struct linux_spec, "resources", FIELD_OBJECT, resources, .inside = resources_fields),
	FIELD_LIST(struct linux_spec, "sysctl", FIELD_MAP, sysctl, n_sysctl),
	FIELD_LIST(struct linux_spec, "maskedPaths", FIELD_STRING, masked_paths, n_masked_paths),
	FIELD_LIST(
		struct linux_spec, "readonlyPaths", FIELD_STRING, readonly_paths, n_readonly_paths),
	FIELD(struct linux_spec, "rootfsPropagation", FIELD_STRING, rootfs_propagation),
	FIELD(struct linux_spec, "mountLabel", FIELD_STRING, mount_label),
	FIELD(struct linux_spec, "seccomp", FIELD_TEXT, seccomp),
	FIELD(struct linux_spec, "personality", FIELD_OBJECT_PTR, personality,
		.inside = personality_fields, .size = sizeof(struct personality_spec)),
	FIELD(struct linux_spec, "intelRdt", FIELD_OBJECT_PTR, rdt, .inside = rdt_fields,
		.size = sizeof(struct rdt_spec)),
	FIELD(struct linux_spec, "memoryPolicy", FIELD_OBJECT_PTR, memory_policy,
		.inside = memory_policy_fields, .size = sizeof(struct memory_policy_spec)),
	FIELD_LIST(struct linux_spec, "netDevices", FIELD_OBJECT_MAP, net_devices, n_net_devices,
		.inside = net_device_fields, .size = sizeof(struct net_device)),
	FIELD_LIST(struct linux_spec, "timeOffsets", FIELD_OBJECT_MAP, time_offsets, n_time_offsets,
		.inside = time_offset_fields, .size = sizeof(struct time_offset)),
	{ 0 },
};

const struct field spec_fields[] = {
	FIELD(struct spec, "ociVersion", FIELD_STRING, version, .must = true),
	FIELD(struct spec, "root", FIELD_OBJECT_PTR, root, .inside = root_fields,
		.size = sizeof(struct root_spec)),
	FIELD(struct spec, "process", FIELD_OBJECT_PTR, process, .inside = process_fields,
		.size = sizeof(struct process_spec)),
	FIELD(struct spec, "hostname", FIELD_STRING, hostname),
	FIELD(struct spec, "domainname", FIELD_STRING, domainname),
	FIELD_LIST(struct spec, "mounts", FIELD_OBJECT, mounts, n_mounts, .inside = mount_fields,
		.size = sizeof(struct mount_spec)),
	FIELD(struct spec, "hooks", FIELD_OBJECT, hooks, .inside = hooks_fields),
	FIELD_LIST(struct spec, "annotations", FIELD_MAP, annotations, n_annotations),
	FIELD(struct spec, "linux", FIELD_OBJECT, linux_, .inside = linux_fields),
	{ 0 },
};

int spec_parse(const char *what, const char *text, size_t len, struct spec *ret, struct err *e)
{
	struct spec spec = { 0 };

	int r = json_read(what, text, len, spec_fields, &spec, &json_usual_limits, e);
	if (r == 0)
		*ret = spec;
	return r;
}

int spec_load(int dirfd, const char *name, struct spec *ret, struct err *e)
{
	autofree char *text = NULL;
	size_t len;

	int r = fd_read_file(dirfd, name, json_usual_limits.bytes, &text, &len, e);
	if (r < 0)
		return r;
	return spec_parse(name, text, len, ret, e);
}

void spec_done(struct spec *s)
{
	json_free(spec_fields, s);
}

bool namespace_is_joined(const struct namespace_spec *ns)
{
	return ns->path && *ns->path;
}

const struct namespace_spec *spec_namespace(const struct spec *s, int type)
{
	for (size_t i = 0; i < s->linux_.n_namespaces; i++)
		if (s->linux_.namespaces[i].type == type)
			return &s->linux_.namespaces[i];
	return NULL;
}

bool spec_has_own_mounts(const struct spec *s)
{
	const struct namespace_spec *ns = spec_namespace(s, CLONE_NEWNS);

	return ns && !namespace_is_joined(ns);
}

const char *spec_annotation(const struct spec *s, const char *key)
{
	for (size_t i = 0; i < s->n_annotations; i++)
		if (str_equal(s->annotations[i].key, key))
			return s->annotations[i].value;
	return NULL;
}
