/* cowrun: OCI bundles, for engines and scripts. The table of its commands. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/oci/commands.h"
#include "runtime/seccomp.h"
#include "spec/spec.h"

static const struct option_row options[] = {
	{ "root", 0, OPTION_TEXT, offsetof(struct context, root), "DIR",
		"where containers are recorded (" HOME_DEFAULT ")" },
	{ "log", 0, OPTION_TEXT, offsetof(struct context, log), "FILE",
		"append errors to FILE too" },
	{ "log-format", 0, OPTION_CHOICE, offsetof(struct context, log_format), "text|json",
		"the format of that file (text)" },
	{ "log-level", 0, OPTION_CHOICE, offsetof(struct context, log_level), "error|warning|debug",
		"what that file gets (error)" },
	{ "debug", 0, OPTION_FLAG, offsetof(struct context, debug), NULL,
		"as --log-level debug: tell what is done" },
	{ "cgroup-manager", 0, OPTION_CHOICE, offsetof(struct context, cgroup_manager),
		"cgroupfs|systemd|disabled",
		"who makes the cgroup, if anybody (cgroupfs: cowrun)" },
	{ "systemd-cgroup", 0, OPTION_FLAG, offsetof(struct context, systemd_cgroup), NULL,
		"as --cgroup-manager systemd" },
	{ "rootless", 0, OPTION_CHOICE, offsetof(struct context, rootless), "true|false|auto",
		"false: a user without rights to cgroups is refused (auto)" },
	{ "criu", 0, OPTION_IGNORED, 0, NULL, NULL },
	{ "version", 'v', OPTION_FLAG, offsetof(struct context, version), NULL,
		"print the version" },
	{ 0 },
};

static const struct command *const commands[] = {
	&create_command,
	&start_command,
	&run_command,
	&state_command,
	&kill_command,
	&delete_command,
	&exec_command,
	&list_command,
	&ps_command,
	&pause_command,
	&resume_command,
	&update_command,
	&events_command,
	&checkpoint_command,
	&restore_command,
	&spec_command,
	&features_command,
	NULL,
};

static void print_version(void)
{
	printf("cowrun version " COWRUN_VERSION "\ncommit: " COWRUN_COMMIT "\nspec: " SPEC_VERSION
	       "\nlibseccomp: %s\n+SELINUX +APPARMOR +CAP +SECCOMP +EBPF\n",
		seccomp_library);
}

int main(int argc, char **argv)
{
	static const struct program program = {
		"cowrun",
		"Runs OCI bundles (opencontainers.org), with the command line of runc.",
		options,
		commands,
		print_version,
		.unknown_status = 3,
	};
	struct context context = { 0 };

	return program_main(&program, &context, argc, argv);
}
