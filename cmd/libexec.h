/* Commands that are programs of their own, in libexec. */
#ifndef CMD_LIBEXEC_H
#define CMD_LIBEXEC_H

#include "cmd/commands.h"
#include "spec/base/libexec.h"

/* Becomes the command's program, with --store (and --root) and its name before its words. */
int libexec_run(const struct context *c, const struct command *command, int argc, char **argv,
	struct err *e);

/* main() of such a program: what is said before the command is where things are kept. */
int libexec_main(const char *summary, const struct command *const *commands, int argc, char **argv);

#endif
