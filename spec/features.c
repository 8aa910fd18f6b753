/* The features document. */
#include "spec/features.h"

#include "spec/spec.h"

void feature_names_add(struct feature_names *names, const char *name)
{
	names->v = names->room;
	if (names->n < FEATURE_NAMES_MAX)
		names->room[names->n++] = name;
}

#define FLAG(key, member) FIELD(struct features, key, FIELD_BOOL, member, .always = true)
#define NAMES(key, member) FIELD_LIST(struct features, key, FIELD_STRING, member.v, member.n)
#define SECTION(key, rows)                                                                         \
	{                                                                                          \
		.name = (key), .kind = FIELD_OBJECT, .inside = (rows)                              \
	}

/* The sections are no structs of their own: all rows are of struct features. */
static const struct field cgroup_rows[] = { FLAG("v1", cgroup.v1), FLAG("v2", cgroup.v2),
	FLAG("systemd", cgroup.systemd), FLAG("systemdUser", cgroup.systemd_user),
	FLAG("rdma", cgroup.rdma), { 0 } };

static const struct field seccomp_rows[] = { FLAG("enabled", seccomp.enabled),
	NAMES("actions", seccomp.actions), NAMES("operators", seccomp.operators),
	NAMES("archs", seccomp.archs), NAMES("knownFlags", seccomp.known_flags),
	NAMES("supportedFlags", seccomp.supported_flags), { 0 } };

static const struct field apparmor_rows[] = { FLAG("enabled", apparmor.enabled), { 0 } };
static const struct field selinux_rows[] = { FLAG("enabled", selinux.enabled), { 0 } };
static const struct field intel_rdt_rows[] = { FLAG("enabled", intel_rdt.enabled),
	FLAG("schemata", intel_rdt.schemata), FLAG("monitoring", intel_rdt.monitoring), { 0 } };
static const struct field memory_policy_rows[] = { NAMES("modes", memory_policy.modes),
	NAMES("flags", memory_policy.flags), { 0 } };
static const struct field idmap_rows[] = { FLAG("enabled", idmap.enabled), { 0 } };
static const struct field extension_rows[] = { SECTION("idmap", idmap_rows), { 0 } };
static const struct field net_device_rows[] = { FLAG("enabled", net_devices.enabled), { 0 } };

static const struct field linux_rows[] = { NAMES("namespaces", namespaces),
	NAMES("capabilities", capabilities), SECTION("cgroup", cgroup_rows),
	SECTION("seccomp", seccomp_rows), SECTION("apparmor", apparmor_rows),
	SECTION("selinux", selinux_rows), SECTION("intelRdt", intel_rdt_rows),
	SECTION("memoryPolicy", memory_policy_rows), SECTION("mountExtensions", extension_rows),
	SECTION("netDevices", net_device_rows), { 0 } };

static const struct field features_rows[] = {
	FIELD(struct features, "ociVersionMin", FIELD_STRING, version_min),
	FIELD(struct features, "ociVersionMax", FIELD_STRING, version_max),
	NAMES("hooks", hooks),
	NAMES("mountOptions", mount_options),
	SECTION("linux", linux_rows),
	FIELD_LIST(struct features, "annotations", FIELD_MAP, annotations, n_annotations),
	NAMES("potentiallyUnsafeConfigAnnotations", unsafe_annotations),
	{ 0 },
};

void features_write(const struct features *f, struct str *out)
{
	json_write(features_rows, f, JSON_INDENTED, out);
}
