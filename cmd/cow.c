/* cow: images and containers, for people. The table of its commands. */
#include <stdio.h>

#include "cmd/commands.h"
#include "cmd/cow/commands.h"
#include "overlay/store.h"

static const struct option_row options[] = {
	{ "root", 0, OPTION_TEXT, offsetof(struct context, root), "DIR",
		"where containers are recorded (" HOME_DEFAULT ")" },
	{ "store", 0, OPTION_TEXT, offsetof(struct context, store), "DIR",
		"where images and files are kept (" STORE_DEFAULT ")" },
	{ "debug", 0, OPTION_FLAG, offsetof(struct context, debug), NULL, "tell what is done" },
	{ "version", 'v', OPTION_FLAG, offsetof(struct context, version), NULL,
		"print the version" },
	{ 0 },
};

/* Foreign bytes are parsed in a program apart, and so is what needs libraries that are not static.
 */
static const struct command load_command = {
	.name = "load",
	.arguments = "[options] [LAYOUT|ARCHIVE|-]",
	.summary = "Takes images out of an OCI layout or an archive.",
	.owns = true,
	.program = "cow-import",
};

static const struct command import_command = {
	.name = "import",
	.arguments = "[options] ROOTFS.tar|- NAME[:TAG]",
	.summary = "Makes an image of a root file system's tar.",
	.owns = true,
	.program = "cow-import",
};

static const struct command save_command = {
	.name = "save",
	.arguments = "[options] IMAGE ...",
	.summary = "Writes images as one archive, for every tool that reads images.",
	.owns = true,
	.program = "cow-export",
};

static const struct command pull_command = {
	.name = "pull",
	.arguments = "[options] IMAGE ...",
	.summary = "Fetches images from a registry.",
	.owns = true,
	.program = "cow-registry",
};

static const struct command push_command = {
	.name = "push",
	.arguments = "[options] IMAGE [NAME]",
	.summary = "Sends an image to a registry.",
	.owns = true,
	.program = "cow-registry",
};

/* Apart because of the hashes and the unpacking that the new layer takes. */
static const struct command commit_command = {
	.name = "commit",
	.arguments = "[options] CONTAINER NAME[:TAG]",
	.summary = "Makes an image of what a container has changed.",
	.owns = true,
	.program = "cow-export",
	.program_root = true,
};

static const struct command verify_command = {
	.name = "verify",
	.arguments = "[options] [IMAGE ...]",
	.summary = "Holds the store against what it once took in, and tells what is damaged.",
	.owns = true,
	.program = "cow-export",
};

static const struct command export_command = {
	.name = "export",
	.arguments = "[options] CONTAINER|IMAGE",
	.summary = "Writes the files of a container, or of an image, as one tar.",
	.owns = true,
	.program = "cow-export",
	.program_root = true,
};

static const struct command mem_command = {
	.name = "mem",
	.arguments = "[options] [NAME ...]",
	.summary = "Tells what containers cost in memory, and who shares with whom.",
	.program = "cow-mem",
	.program_root = true,
};

static const struct command top_command = {
	.name = "top",
	.arguments = "[options] [NAME ...]",
	.summary = "Shows what containers cost in memory, live.",
	.program = "cow-top",
	.program_root = true,
};

static const struct command metrics_command = {
	.name = "metrics",
	.arguments = "[options] [NAME ...]",
	.summary = "Tells Prometheus what containers cost in memory.",
	.program = "cow-metrics",
	.program_root = true,
};

static const struct command doctor_command = {
	.name = "doctor",
	.arguments = "[options]",
	.summary = "Tells what this host can and cannot do.",
	.program = "cow-doctor",
	.program_root = true,
};

static const struct command density_command = {
	.name = "density",
	.arguments = "[options] EXPERIMENT.json | [options] --image IMAGE [COMMAND ...]",
	.summary = "Starts containers by the hundred, and tells what each costs.",
	.program = "cow-density",
	.program_root = true,
};

static const struct command *const commands[] = {
	&load_command,
	&import_command,
	&save_command,
	&pull_command,
	&push_command,
	&verify_command,
	&images_command,
	&history_command,
	&tag_command,
	&rmi_command,
	&gc_command,
	&run_command,
	&template_create_command,
	&template_ls_command,
	&template_inspect_command,
	&template_rm_command,
	&fork_command,
	&ps_command,
	&exec_command,
	&logs_command,
	&attach_command,
	&stop_command,
	&wait_command,
	&rm_command,
	&inspect_command,
	&diff_command,
	&commit_command,
	&export_command,
	&mem_command,
	&faults_command,
	&density_command,
	&top_command,
	&metrics_command,
	&doctor_command,
	&ended_command,
	NULL,
};

static void print_version(void)
{
	printf("cow version " COWRUN_VERSION "\ncommit: " COWRUN_COMMIT "\n");
}

int main(int argc, char **argv)
{
	static const struct program program = {
		"cow",
		"Runs containers of images, and tells what they cost.",
		options,
		commands,
		print_version,
		.has_store = true,
		.unknown_status = 1,
	};
	struct context context = { 0 };

	return program_main(&program, &context, argc, argv);
}
