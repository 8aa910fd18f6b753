/* cow commit: a container's changes as an image. */
#include <errno.h>
#include <stdio.h>
#include <sys/file.h>

#include "cmd/export/commands.h"
#include "cmd/interrupt.h"
#include "cmd/json_list.h"
#include "overlay/commit.h"
#include "overlay/confine.h"
#include "runtime/container.h"
#include "runtime/written.h"
#include "spec/base/log.h"

struct commit_words {
	const char *message, *author;
	struct option_list changes;
	struct opt_bool pause;
	bool quiet, json;
};

static const struct option_row options[] = {
	{ "message", 'm', OPTION_TEXT, offsetof(struct commit_words, message), "TEXT",
		"what its history says of it" },
	{ "author", 'a', OPTION_TEXT, offsetof(struct commit_words, author), "NAME",
		"who has made it" },
	{ "change", 'c', OPTION_LIST, offsetof(struct commit_words, changes), "INSTRUCTION",
		"of its configuration, as in a Dockerfile" },
	{ "pause", 'p', OPTION_SWITCH, offsetof(struct commit_words, pause), NULL,
		"pause it meanwhile (true)" },
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct commit_words, quiet), NULL,
		"print the image's id alone" },
	{ "json", 0, OPTION_FLAG, offsetof(struct commit_words, json), NULL, "for programs" },
	{ 0 },
};

static const struct field image_fields[] = {
	FIELD(struct image_record, "name", FIELD_STRING, ref),
	FIELD(struct image_record, "id", FIELD_STRING, config),
	FIELD_LIST(struct image_record, "layers", FIELD_STRING, layers, n_layers, .always = true),
	FIELD(struct image_record, "size_bytes", FIELD_U64, size, .always = true),
	{ 0 },
};

struct holding {
	const struct home *home;
	const char *id;
};

/* One that ends meanwhile changes nothing any more, and one that we did not freeze is not frozen. */
static int hold(void *data, bool held, struct err *e)
{
	const struct holding *h = data;
	int r = container_freeze(h->home, h->id, held, e);

	return r == -ERR_NOT_RUNNING ? 0 : r;
}

/*
 * One commit at a time has it paused: the first that ends would let it go under the others. The
 * process that packs has the lock too, so it lasts as long as there is somebody to let it go.
 */
static int lock_files(const struct written *written, const struct opt_bool *asked, struct err *e)
{
	if ((asked->set && !asked->value) || written->parts.upper < 0)
		return 0;
	if (flock(written->parts.upper, LOCK_EX) == 0)
		return 0;
	return errno == EINTR ? err_say(e, ECANCELED, "interrupted")
			      : err_set(e, errno, "lock its files");
}

/* Whether it has to be paused, and can be. */
static bool is_held(
	const struct home *home, const struct record *record, const struct opt_bool *asked)
{
	struct cgroup group = CGROUP_NONE;

	if ((asked->set && !asked->value) || container_status(home, record) != STATE_RUNNING)
		return false;
	bool can = container_cgroup(record, &group) == 0;
	cgroup_done(&group);
	if (!can)
		log_warn(
			"container '%s' has no cgroup to pause it by: what it writes meanwhile may "
			"be half in the image",
			record->id);
	return can;
}

static int print(const struct image_list *images, const struct commit_words *w, struct err *e)
{
	const struct image_record *image = &images->records[0];

	if (w->json)
		return json_list_print(image_fields, image, 1, sizeof(*image), e);
	if (w->quiet)
		return puts(image->config) < 0 ? err_set(e, EIO, "print") : 0;
	return printf("%s %s\n", image->ref, image->config) < 0 ? err_set(e, EIO, "print") : 0;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(written) struct written written = WRITTEN_NONE;
	automatic(image_list) struct image_list images = { 0 };
	const struct commit_words *w = data;
	struct holding holding = { &c->home, argv[0] };
	struct commit_options o = {
		.ref = argv[1],
		.author = w->author,
		.message = w->message,
		.changes = w->changes.v,
		.n_changes = w->changes.n,
		.cancelled = &interrupted,
	};

	(void)argc;
	int r = command_open_home(c, false, e);
	if (r == 0)
		r = written_open(&c->home, argv[0], &written, e);
	if (r < 0)
		return r;
	interrupt_watch();
	r = lock_files(&written, &w->pause, e);
	if (r < 0)
		return r;
	o.created_by = written.record.command;
	if (written.parts.claim.template) {
		o.template = &written.template_changes;
		o.template_by = written.template_record.command;
	}
	if (is_held(&c->home, &written.record, &w->pause))
		o.hold = (struct packer_hold){ hold, &holding };
	confine_import();
	r = commit(&written.store, &written.parts.claim, &written.changes, &o, &images, e);
	return r < 0 ? r : print(&images, w, e);
}

const struct command commit_command = {
	.name = "commit",
	.arguments = "[options] CONTAINER NAME[:TAG]",
	.summary = "Makes an image of what a container has changed.",
	.options = options,
	.options_size = sizeof(struct commit_words),
	.min_words = 2,
	.max_words = 2,
	.mixed = true,
	.run = run,
};
