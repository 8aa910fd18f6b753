/* The files of a template, and its end. */
#include "runtime/template_files.h"

#include "overlay/stack.h"
#include "runtime/container.h"

int template_seal(const struct template *t, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	int r = store_open(t->record.store, STORE_READ, &store, e);

	return r < 0 ? r : stack_seal(&store, t->record.id, e);
}

/* One without a record has its files all the same. */
static int remove_fork(const struct home *h, const char *id, const char *store, struct err *e)
{
	int r = container_delete(h, id, true, store, e);

	return r < 0 ? r : container_remove_files(store, id, e);
}

static int remove_forks(const struct home *h, const struct record *record, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	automatic(text_list) struct text_list forks = { 0 };
	int r = store_open(record->store, STORE_READ, &store, e);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = stack_forks(&store, record->id, &forks, e);
	for (size_t i = 0; r == 0 && i < forks.n; i++)
		r = remove_fork(h, forks.v[i], record->store, e);
	return r;
}

int template_remove(const struct home *h, const char *name, bool with_forks, struct err *e)
{
	automatic(record) struct record record = { 0 };
	int r = record_read(h, name, &record, e);

	if (r < 0)
		return r;
	if (!record.is_template)
		return err_say(e, EINVAL, "'%s' is a container and no template", name);
	if (with_forks && record.store)
		r = remove_forks(h, &record, e);
	return r < 0 ? r : container_delete(h, name, true, record.store, e);
}
