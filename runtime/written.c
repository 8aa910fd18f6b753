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

static int find_stubs(struct written *w, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->spec.n_mounts; i++)
		r = mount_points_add(&w->changes.mount_points, w->parts.lowers,
			w->spec.mounts[i].destination, e);
	return r;
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

int written_open(const struct home *h, const char *id, struct written *ret, struct err *e)
{
	automatic(written) struct written w = WRITTEN_NONE;

	raise_file_limit();
	int r = open_files(h, id, &w, e);
	if (r == 0)
		r = find_stubs(&w, e);
	if (r < 0)
		return r;
	w.changes.own = w.parts.upper;
	w.changes.form = w.store.form;
	w.changes.whole = w.parts.whole;
	w.changes.image = w.parts.lowers;
	w.changes.uids = w.spec.linux_.uid_maps;
	w.changes.n_uids = w.spec.linux_.n_uid_maps;
	w.changes.gids = w.spec.linux_.gid_maps;
	w.changes.n_gids = w.spec.linux_.n_gid_maps;
	*ret = w;
	w = (struct written)WRITTEN_NONE;
	return 0;
}

void written_done(struct written *w)
{
	mount_points_done(&w->changes.mount_points);
	stack_parts_done(&w->parts);
	store_done(&w->store);
	spec_done(&w->spec);
	record_done(&w->record);
	*w = (struct written)WRITTEN_NONE;
}
