/* cowrun checkpoint: a container's processes, written down by CRIU. */
#include "cmd/oci/checkpoint.h"

#include "cmd/oci/commands.h"

struct checkpoint_words {
	struct checkpoint_options criu;
	struct option_list empty_ns;
	int cgroups;
};

#define WORD(member) offsetof(struct checkpoint_words, criu.member)

static const struct option_row options[] = {
	CHECKPOINT_ROWS(struct checkpoint_words, criu),
	{ "leave-running", 0, OPTION_FLAG, WORD(leave_running), NULL, "it goes on afterwards" },
	{ "pre-dump", 0, OPTION_FLAG, WORD(pre_dump), NULL, "its memory alone; it goes on" },
	{ "parent-path", 0, OPTION_TEXT, WORD(parent), "DIR",
		"images of before, as seen from these" },
	{ "page-server", 0, OPTION_TEXT, WORD(page_server), "IP:PORT", "who takes the pages" },
	{ "status-fd", 0, OPTION_TEXT, WORD(status_fd), "N",
		"fd where CRIU says that it is ready" },
	{ 0 },
};

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	struct checkpoint_words *w = data;

	(void)argc;
	w->criu.image = w->criu.image ? w->criu.image : CHECKPOINT_IMAGE;
	w->criu.empty_ns = (const char *const *)w->empty_ns.v;
	w->criu.n_empty_ns = w->empty_ns.n;
	int r = command_open_home(c, false, e);
	return r < 0 ? r : container_checkpoint(&c->home, argv[0], &w->criu, e);
}

const struct command checkpoint_command = {
	.name = "checkpoint",
	.arguments = "[options] ID",
	.summary = "Writes a running container down by CRIU, and removes it.",
	.options = options,
	.options_size = sizeof(struct checkpoint_words),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
