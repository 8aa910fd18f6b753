/* Commands that are programs of their own. */
#include "cmd/libexec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "overlay/store.h"
#include "spec/base/own.h"

int libexec_run(const struct context *c, const struct command *command, int argc, char **argv,
	struct err *e)
{
	autofree char **words = calloc((size_t)argc + 7, sizeof(*words));
	char path[4096];
	int n = 0;

	if (!words)
		return err_set(e, ENOMEM, "run '%s'", command->program);
	int r = libexec_find(command->program, path, e);
	if (r < 0)
		return r;
	words[n++] = (char *)command->program;
	if (c->store) {
		words[n++] = (char *)"--store";
		words[n++] = (char *)c->store;
	}
	/* The usual one it finds as we did, and is then as wary of what it finds there. */
	if (command->program_root && (command->owns || !c->usual_root)) {
		words[n++] = (char *)"--root";
		words[n++] = (char *)c->root;
	}
	words[n++] = (char *)command->name;
	memcpy(words + n, argv, (size_t)argc * sizeof(*words));
	execv(path, words);
	return err_set(e, errno, "execute '%s'", path);
}

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

static void print_version(void)
{
	printf("%s version " COWRUN_VERSION "\ncommit: " COWRUN_COMMIT "\n",
		program_invocation_short_name);
}

int libexec_main(const char *summary, const struct command *const *commands, int argc, char **argv)
{
	const struct program program = { "cow", summary, options, commands, print_version,
		.has_store = true, .unknown_status = 1 };
	struct context context = { 0 };

	return program_main(&program, &context, argc, argv);
}
