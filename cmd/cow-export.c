/*
 * cow-export: what `cow` starts for that which goes out of the store, or is held against what it
 * once was: the libraries that this takes are not in `cow` itself.
 *
 *	cow-export [--store DIR] save [options] IMAGE...
 *	cow-export [--store DIR] [--root DIR] commit [options] CONTAINER NAME[:TAG]
 *	cow-export [--store DIR] [--root DIR] export [options] CONTAINER|IMAGE
 *	cow-export [--store DIR] verify [options] [IMAGE...]
 *
 * Exit status 0, or 1; interrupted, it clears away what it has begun first.
 */
#include <stdio.h>

#include "cmd/export/commands.h"
#include "overlay/store.h"

static const struct command *const commands[] = { &save_command, &verify_command, &commit_command,
	&export_command, NULL };

static const struct option_row options[] = {
	{ "root", 0, OPTION_TEXT, offsetof(struct context, root), "DIR",
		"where containers are recorded (" HOME_DEFAULT ")" },
	{ "store", 0, OPTION_TEXT, offsetof(struct context, store), "DIR",
		"where images and files are kept (" STORE_DEFAULT ")" },
	{ "version", 'v', OPTION_FLAG, offsetof(struct context, version), NULL,
		"print the version" },
	{ 0 },
};

static void print_version(void)
{
	printf("cow-export version " COWRUN_VERSION "\ncommit: " COWRUN_COMMIT "\n");
}

int main(int argc, char **argv)
{
	static const struct program program = {
		"cow",
		"Takes images out of the store.",
		options,
		commands,
		print_version,
		.has_store = true,
		.unknown_status = 1,
	};
	struct context context = { 0 };

	return program_main(&program, &context, argc, argv);
}
