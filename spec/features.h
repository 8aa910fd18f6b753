/*
 * The features document (features.md of runtime-spec): what a runtime of this build knows, wherever
 * it runs. Names are borrowed.
 */
#ifndef SPEC_FEATURES_H
#define SPEC_FEATURES_H

#include "spec/base/json.h"

#define FEATURE_NAMES_MAX 128

struct feature_names {
	const char **v; /* room */
	size_t n;
	const char *room[FEATURE_NAMES_MAX];
};

struct feature {
	bool enabled;
};

struct features {
	const char *version_min, *version_max;
	struct feature_names hooks, mount_options;
	struct feature_names namespaces, capabilities;
	struct {
		bool v1, v2, systemd, systemd_user, rdma;
	} cgroup;
	struct {
		bool enabled;
		struct feature_names actions, operators, archs, known_flags, supported_flags;
	} seccomp;
	struct feature apparmor, selinux, idmap, net_devices;
	struct {
		bool enabled, schemata, monitoring;
	} intel_rdt;
	struct {
		struct feature_names modes, flags;
	} memory_policy;
	struct string_pair *annotations;
	size_t n_annotations;
	struct feature_names unsafe_annotations; /* prefixes where they end with a dot */
};

void feature_names_add(struct feature_names *names, const char *name);

void features_write(const struct features *f, struct str *out);

#endif
