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

#include "cmd/export/commands.h"
#include "cmd/libexec.h"

static const struct command *const commands[] = { &save_command, &verify_command, &commit_command,
	&export_command, NULL };

int main(int argc, char **argv)
{
	return libexec_main("Takes images out of the store.", commands, argc, argv);
}
