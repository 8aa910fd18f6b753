/* cowrun spec: a config.json to begin with. */
#include <fcntl.h>
#include <string.h>

#include "cmd/oci/commands.h"
#include "spec/base/fd.h"
#include "spec/spec.h"

struct spec_words {
	const char *bundle;
	bool rootless;
};

static const struct option_row options[] = {
	{ "bundle", 'b', OPTION_TEXT, offsetof(struct spec_words, bundle), "DIR",
		"where to write it" },
	{ "rootless", 0, OPTION_FLAG, offsetof(struct spec_words, rootless), NULL,
		"with a user namespace" },
	{ 0 },
};

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(spec) struct spec spec = { 0 };
	automatic(str) struct str text = { 0 };
	const struct spec_words *w = data;
	const char *bundle = w->bundle ? w->bundle : ".";

	(void)c, (void)argc, (void)argv;
	autofd int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_set(e, errno, "open the bundle '%s'", bundle);
	int r = spec_default(w->rootless, &spec, e);
	if (r < 0)
		return r;
	json_write(spec_fields, &spec, JSON_INDENTED, &text);
	str_add(&text, "\n");
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "write config.json");
	autofd int fd = openat(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_set(e, errno, "make '%s/config.json'", bundle);
	r = fd_write_all(fd, text.data, text.len);
	return r < 0 ? err_set(e, -r, "write '%s/config.json'", bundle) : 0;
}

const struct command spec_command = {
	.name = "spec",
	.arguments = "[options]",
	.summary = "Writes a usual config.json, for a rootfs/ beside it.",
	.options = options,
	.options_size = sizeof(struct spec_words),
	.run = run,
};
