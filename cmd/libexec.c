/* Our other programs. */
#include "cmd/libexec.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/own.h"

int libexec_find(const char *program, char out[4096], struct err *e)
{
	static const char *const places[] = { "", "../libexec/cowrun/" };
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return err_set(e, errno, "find the program '%s'", program);
	self[n] = '\0';
	char *slash = strrchr(self, '/');
	slash[1] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int len = snprintf(out, 4096, "%s%s%s", self, places[i], program);
		if (len < 4096 && access(out, X_OK) == 0)
			return 0;
	}
	return err_say(e, ENOENT,
		"find the program '%s': it is neither in '%s' nor in '%s../libexec/cowrun'",
		program, self, self);
}

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
	if (command->program_root) {
		words[n++] = (char *)"--root";
		words[n++] = (char *)c->root;
	}
	words[n++] = (char *)command->name;
	memcpy(words + n, argv, (size_t)argc * sizeof(*words));
	execv(path, words);
	return err_set(e, errno, "execute '%s'", path);
}
