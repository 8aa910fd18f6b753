/* cowrun restore: a container that was written down by `checkpoint`. */
#include "cmd/oci/checkpoint.h"
#include "cmd/oci/commands.h"
#include "cmd/oci/create.h"
#include "spec/base/log.h"
#include "spec/id.h"

struct restore_words {
	struct create_words create;
	struct checkpoint_options criu;
	struct option_list empty_ns;
	int cgroups;
};

#define WORD(member) offsetof(struct restore_words, criu.member)
#define CREATE(member) offsetof(struct restore_words, create.member)

static const struct option_row options[] = {
	{ "bundle", 'b', OPTION_TEXT, CREATE(bundle), "DIR",
		"directory that holds config.json (the current one)" },
	{ "detach", 'd', OPTION_FLAG, CREATE(detach), NULL, "return when it runs" },
	{ "pid-file", 0, OPTION_TEXT, CREATE(pid_file), "FILE",
		"write the pid of the container's first process to FILE" },
	{ "console-socket", 0, OPTION_TEXT, CREATE(console_socket), "SOCKET",
		"refused: a terminal cannot be restored" },
	CHECKPOINT_ROWS(struct restore_words, criu),
	{ "tcp-close", 0, OPTION_FLAG, WORD(tcp_close), NULL, "connections of TCP as closed" },
	{ "lsm-profile", 0, OPTION_TEXT, WORD(lsm_profile), "TYPE:NAME",
		"label that it gets (selinux:X)" },
	{ "lsm-mount-context", 0, OPTION_TEXT, WORD(lsm_mount_context), "CONTEXT",
		"label that its mounts get" },
	{ "parent-path", 0, OPTION_IGNORED, 0, NULL, NULL },
	{ "no-subreaper", 0, OPTION_IGNORED_FLAG, 0, NULL, NULL },
	{ "no-pivot", 0, OPTION_IGNORED_FLAG, 0, NULL, NULL },
	{ "no-new-keyring", 0, OPTION_IGNORED_FLAG, 0, NULL, NULL },
	{ 0 },
};

static int attend(struct container *container, struct err *e)
{
	struct outcome outcome;
	int r = foreground_wait(&container->birth, NULL, container->cgroup.fd, &outcome, e);

	if (r < 0)
		return r;
	if (outcome.oom)
		log_error(outcome.why);
	r = container_clear(container, e);
	return r < 0 ? r : outcome.status;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	/* In this order: the container borrows from the bundle. */
	automatic(bundle) struct bundle bundle = BUNDLE_NONE;
	automatic(container) struct container container = CONTAINER_NONE;
	struct restore_words *w = data;

	(void)argc;
	w->criu.image = w->criu.image ? w->criu.image : CHECKPOINT_IMAGE;
	w->criu.empty_ns = (const char *const *)w->empty_ns.v;
	w->criu.n_empty_ns = w->empty_ns.n;
	int r = id_check(argv[0], e);
	if (r == 0)
		r = bundle_load(&w->create, &bundle, e);
	if (r == 0 && (w->create.console_socket || bundle_terminal(&bundle)))
		r = err_say(e, EOPNOTSUPP, "a terminal cannot be restored");
	if (r < 0)
		return r;
	if (!w->create.detach)
		foreground_prepare();
	bundle.restore = &w->criu;
	r = create_from_bundle(c, &w->create, argv[0], &bundle, false, NULL, &container, e);
	return r < 0 || w->create.detach ? r : attend(&container, e);
}

const struct command restore_command = {
	.name = "restore",
	.arguments = "[options] ID",
	.summary = "Restores a container that `checkpoint` wrote down.",
	.options = options,
	.options_size = sizeof(struct restore_words),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
