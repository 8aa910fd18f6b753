/* Commands that are programs of their own. */
#include "cmd/libexec.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
