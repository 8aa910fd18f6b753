/*
 * cowrun features: what this build knows, as JSON.
 *
 * Nothing here is a list of its own: names come from the tables that config.json is read by, and
 * what has no table is asked of validation, which refuses what cannot be done (-ENOTSUP). So it
 * cannot promise what `create` then refuses.
 */
#include <stdio.h>
#include <string.h>

#include "cgroup/property.h"
#include "cmd/oci/commands.h"
#include "runtime/caps.h"
#include "runtime/seccomp.h"
#include "spec/features.h"
#include "spec/fields.h"
#include "spec/mounts.h"
#include "spec/spec.h"

#define USUAL_NAMESPACES "\"namespaces\": [{\"type\": \"mount\"}, {\"type\": \"network\"}]"
#define ONE_MAP "[{\"containerID\": 0, \"hostID\": 1, \"size\": 1}]"

/* What validation says of a document with that mount and those members of `linux`. */
static int judge(const char *mount, const char *linux_)
{
	automatic(spec) struct spec spec = { 0 };
	struct err e = { 0 };
	autofree char *text = str_format(
		"{\"ociVersion\": \"%s\", \"root\": {\"path\": \"/\"},"
		"\"process\": {\"cwd\": \"/\", \"args\": [\"/\"]}, \"mounts\": [%s], \"linux\": {%s}}",
		SPEC_VERSION, mount, linux_);

	if (!text || spec_parse("features", text, strlen(text), &spec, &e) < 0)
		return -EINVAL;
	return spec_validate(&spec, &e);
}

/* What has no table of names. */
static const struct probe {
	size_t offset; /* a bool of struct features */
	const char *mount, *linux_;
} probes[] = {
	{ offsetof(struct features, cgroup.rdma), "",
		USUAL_NAMESPACES ", \"resources\": {\"rdma\": {\"a\": {\"hcaHandles\": 1}}}" },
	{ offsetof(struct features, intel_rdt.enabled), "",
		USUAL_NAMESPACES ", \"intelRdt\": {\"closID\": \"a\"}" },
	{ offsetof(struct features, intel_rdt.schemata), "",
		USUAL_NAMESPACES ", \"intelRdt\": {\"schemata\": [\"L3:0=f\"]}" },
	{ offsetof(struct features, intel_rdt.monitoring), "",
		USUAL_NAMESPACES
		", \"intelRdt\": {\"closID\": \"a\", \"enableMonitoring\": true}" },
	{ offsetof(struct features, net_devices.enabled), "",
		USUAL_NAMESPACES ", \"netDevices\": {\"a\": {\"name\": \"a\"}}" },
	{ offsetof(struct features, idmap.enabled),
		"{\"destination\": \"/a\", \"source\": \"/\", \"options\": [\"bind\", \"idmap\"],"
		"\"uidMappings\": " ONE_MAP ", \"gidMappings\": " ONE_MAP "}",
		USUAL_NAMESPACES },
};

static void probe_all(struct features *f)
{
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
		*(bool *)((char *)f + probes[i].offset) =
			judge(probes[i].mount, probes[i].linux_) == 0;
}

static void add_namespaces(struct feature_names *to)
{
	for (const struct enum_name *n = namespace_names; n->name; n++) {
		autofree char *text = str_format(
			"\"namespaces\": [{\"type\": \"mount\"}, {\"type\": \"%s\"}]", n->name);
		/* A second mount namespace, or a user namespace without maps, is no less known. */
		if (text && judge("", text) != -ENOTSUP)
			feature_names_add(to, n->name);
	}
}

static void add_mount_options(struct feature_names *to)
{
	for (const struct mount_option *o = mount_options; o->name; o++) {
		autofree char *text = str_format(
			"{\"destination\": \"/a\", \"source\": \"/\", \"options\": [\"bind\", \"%s\"]}",
			o->name);
		if (text && judge(text, USUAL_NAMESPACES) != -ENOTSUP)
			feature_names_add(to, o->name);
	}
}

static void add_names(struct feature_names *to, const struct enum_name *names)
{
	for (; names->name; names++)
		feature_names_add(to, names->name);
}

static void add_seccomp(struct features *f)
{
	f->seccomp.enabled = true;
	add_names(&f->seccomp.actions, seccomp_actions);
	add_names(&f->seccomp.operators, seccomp_operators);
	for (const struct enum_name *a = seccomp_archs; a->name; a++)
		if (seccomp_arch_is_supported(a->value))
			feature_names_add(&f->seccomp.archs, a->name);
	add_names(&f->seccomp.known_flags, seccomp_flags);
	for (const struct enum_name *n = seccomp_flags; n->name; n++)
		if (seccomp_flag_is_supported(n->value))
			feature_names_add(&f->seccomp.supported_flags, n->name);
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	static struct string_pair annotations[] = {
		{ (char *)"cowrun.commit", (char *)COWRUN_COMMIT },
		{ (char *)"cowrun.version", (char *)COWRUN_VERSION },
		{ (char *)"io.github.seccomp.libseccomp.version", (char *)seccomp_library },
		/* cri-o asks by this name, whatever the runtime is called. */
		{ (char *)"org.opencontainers.runc.checkpoint.enabled", (char *)"true" },
	};
	/* Nothing in it from the beginning: it would be 12 KiB that every start copies. */
	static struct features f;
	automatic(str) struct str text = { 0 };
	const char *name;

	(void)c, (void)data, (void)argc, (void)argv;
	f.version_min = "1.0.0";
	f.version_max = SPEC_VERSION;
	f.cgroup.v2 = f.cgroup.systemd = f.cgroup.systemd_user = true;
	f.apparmor.enabled = f.selinux.enabled = true;
	f.annotations = annotations;
	f.n_annotations = sizeof(annotations) / sizeof(annotations[0]);
	for (const struct field *h = hooks_fields; h->name; h++)
		feature_names_add(&f.hooks, h->name);
	feature_names_add(&f.unsafe_annotations, PROPERTY_ANNOTATION);
	add_mount_options(&f.mount_options);
	add_namespaces(&f.namespaces);
	for (unsigned cap = 0; (name = caps_name(cap)); cap++)
		feature_names_add(&f.capabilities, name);
	add_names(&f.memory_policy.modes, memory_policy_modes);
	add_names(&f.memory_policy.flags, memory_policy_flags);
	add_seccomp(&f);
	probe_all(&f);
	features_write(&f, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "write the features");
	return puts(text.data) < 0 ? err_set(e, EIO, "print the features") : 0;
}

const struct command features_command = {
	.name = "features",
	.arguments = "",
	.summary = "Prints what this build knows, as JSON.",
	.run = run,
};
