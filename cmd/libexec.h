/* Our other programs: beside this one (a build directory), or in ../libexec/cowrun. */
#ifndef CMD_LIBEXEC_H
#define CMD_LIBEXEC_H

#include "cmd/commands.h"

/* Its path into `out`; -ENOENT names where it was looked for. */
int libexec_find(const char *program, char out[4096], struct err *e);

/* Becomes the command's program, with --store (and --root) and its name before its words. */
int libexec_run(const struct context *c, const struct command *command, int argc, char **argv,
	struct err *e);

#endif
