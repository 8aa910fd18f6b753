/* All containers with their records. */
#include "cmd/listing.h"

#include <stdlib.h>
#include <string.h>

static int add(struct listing *l, const struct home *h, const char *id, bool must, struct err *e)
{
	struct record record = { 0 };
	int r = record_read(h, id, &record, e);

	if (r < 0 && r != -ERR_DAMAGED)
		return must ? r : 0;
	struct listed *more = realloc(l->v, (l->n + 1) * sizeof(*more));
	if (!more) {
		record_done(&record);
		return err_set(e, ENOMEM, "list the containers");
	}
	l->v = more;
	more[l->n++] =
		(struct listed){ record, r < 0 ? STATE_STOPPED : container_status(h, &record) };
	return 0;
}

int listing_read(const struct home *h, char *const *names, size_t n_names, struct listing *ret,
	struct err *e)
{
	automatic(listing) struct listing l = { 0 };
	char **ids = NULL;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_names; i++)
		r = add(&l, h, names[i], true, e);
	if (r == 0 && !n_names)
		r = record_list(h, &ids, &n, e);
	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = add(&l, h, ids[i], false, e);
		free(ids[i]);
	}
	free(ids);
	if (r < 0)
		return r;
	*ret = l;
	l = (struct listing){ 0 };
	return 0;
}

void listing_done(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		record_done(&l->v[i].record);
	free(l->v);
	*l = (struct listing){ 0 };
}
