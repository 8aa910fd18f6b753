/* What a container has written. */
#include "runtime/written.h"

#include <errno.h>
#include <sys/resource.h>

#include "runtime/container.h"

/* A tree is walked with two open directories for each level of its depth. */
static void raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == files.rlim_max)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static int open_files(const struct home *h, const char *id, struct written *w, struct err *e)
{
	int r = record_read(h, id, &w->record, e);

	if (r == 0 && !w->record.store)
		return err_say(e, ENODATA, "container '%s' is not of an image", id);
	if (r == 0)
		r = container_spec(h, id, &w->spec, e);
	if (r == 0)
		r = store_open(w->record.store, STORE_READ, &w->store, e);
	return r < 0 ? r : stack_open(&w->store, id, &w->parts, e);
}

static int find_changes(const struct written *w, const struct stack_parts *parts,
	const struct spec *spec, struct changes *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->n_mounts; i++)
		r = mount_points_add(
			&c->mount_points, parts->lowers, spec->mounts[i].destination, e);
	c->own = parts->upper;
	c->form = w->store.form;
	c->whole = parts->whole;
	c->image = parts->lowers;
	c->uids = spec->linux_.uid_maps;
	c->n_uids = spec->linux_.n_uid_maps;
	c->gids = spec->linux_.gid_maps;
	c->n_gids = spec->linux_.n_gid_maps;
	return r;
}

/* Its record is there as long as its files are. */
static int open_template(const struct home *h, const char *id, struct written *w, struct err *e)
{
	int r = record_read(h, id, &w->template_record, e);

	if (r == 0)
		r = container_spec(h, id, &w->template_spec, e);
	if (r == 0)
		r = stack_open(&w->store, id, &w->template_parts, e);
	if (r == 0)
		r = find_changes(w, &w->template_parts, &w->template_spec, &w->template_changes, e);
	return r < 0 ? err_while(e, "template") : 0;
}

int written_open(const struct home *h, const char *id, struct written *ret, struct err *e)
{
	automatic(written) struct written w = WRITTEN_NONE;

	raise_file_limit();
	int r = open_files(h, id, &w, e);
	if (r == 0)
		r = find_changes(&w, &w.parts, &w.spec, &w.changes, e);
	if (r == 0 && w.parts.claim.template)
		r = open_template(h, w.parts.claim.template, &w, e);
	if (r < 0)
		return r;
	*ret = w;
	w = (struct written)WRITTEN_NONE;
	return 0;
}

void written_done(struct written *w)
{
	mount_points_done(&w->changes.mount_points);
	mount_points_done(&w->template_changes.mount_points);
	stack_parts_done(&w->template_parts);
	stack_parts_done(&w->parts);
	store_done(&w->store);
	spec_done(&w->template_spec);
	spec_done(&w->spec);
	record_done(&w->template_record);
	record_done(&w->record);
	*w = (struct written)WRITTEN_NONE;
}
