/* What a container is, told. */
#include "runtime/status.h"

#include <string.h>

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
		.owner = strdup("root"),
	};
	add_config(h, id, &doc);
	*ret = doc;
	return r;
}
