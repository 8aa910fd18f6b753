/* What a container is, told. */
#include "runtime/status.h"

#include <stdio.h>
#include <string.h>

#include "runtime/rootless.h"
#include "spec/base/date.h"

void state_text(const struct spec *spec, const char *id, const char *bundle,
	enum state_status status, pid_t pid, struct str *out)
{
	/* Borrowed throughout: written, never freed. */
	struct state_doc doc = { .version = (char *)SPEC_VERSION,
		.id = (char *)id,
		.status = (int)status,
		.pid = pid,
		.bundle = (char *)bundle,
		.annotations = spec->annotations,
		.n_annotations = spec->n_annotations };

	state_write(&doc, JSON_COMPACT, out);
}

const char *status_words(
	const struct home *h, const struct record *r, bool locked, char text[STATUS_WORDS_MAX])
{
	enum state_status status = container_status(h, r);
	char at[DATE_TEXT_MAX];

	if (status == STATE_STOPPED && r->ended)
		snprintf(text, STATUS_WORDS_MAX, "it has stopped (status %d, at %s)",
			r->exit_status, date_text(&r->ended_at, false, at));
	else if (status == STATE_STOPPED)
		return "it has stopped";
	else if (status != STATE_CREATING)
		snprintf(text, STATUS_WORDS_MAX, "it is %s",
			enum_name_of(state_status_names, (int)status));
	else if (!locked && record_is_locked(h, r->id))
		return "it is being made";
	else
		return "its making was broken off (hint: delete --force)";
	return text;
}

/* What only the configuration knows; a container whose copy is gone is told without it. */
static void add_config(const struct home *h, const char *id, struct state_doc *doc)
{
	automatic(spec) struct spec spec = { 0 };
	struct err ignored;

	if (container_spec(h, id, &spec, &ignored) < 0)
		return;
	doc->annotations = take(spec.annotations);
	doc->n_annotations = spec.n_annotations;
	spec.n_annotations = 0;
	if (!spec.root || !spec.root->path)
		return;
	const char *path = spec.root->path;
	doc->rootfs = *path == '/' || !doc->bundle ? strdup(path)
						   : str_format("%s/%s", doc->bundle, path);
}

int container_state(const struct home *h, const char *id, struct state_doc *ret, struct err *e)
{
	automatic(record) struct record record = { 0 };
	int r = record_read(h, id, &record, e);

	if (r < 0 && r != -ERR_DAMAGED)
		return r;
	enum state_status status = r < 0 ? STATE_STOPPED : container_status(h, &record);
	struct state_doc doc = {
		.version = strdup(SPEC_VERSION),
		.id = strdup(id),
		.status = (int)status,
		.pid = status == STATE_STOPPED ? 0 : record.init.pid,
		.bundle = take(record.bundle),
		.created = record_time_text(&record.created),
		.owner = rootless_is_needed() ? rootless_user_name() : strdup("root"),
	};
	add_config(h, id, &doc);
	*ret = doc;
	return r;
}
