/* What things used, reading by reading. */
#include "cmd/top/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void history_free(struct history *h)
{
	if (h)
		free(h->id);
	free(h);
}

void histories_done(struct histories *h)
{
	for (size_t i = 0; i < h->n; i++)
		history_free(h->v[i]);
	free(h->v);
	*h = (struct histories){ 0 };
}

static int by_id(const void *a, const void *b)
{
	const struct history *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

static struct history *find(const struct histories *h, const char *id)
{
	struct history key = { .id = (char *)id }, *wanted = &key;
	struct history **found = h->n ? bsearch(&wanted, h->v, h->n, sizeof(void *), by_id) : NULL;

	return found ? *found : NULL;
}

const struct history *histories_find(const struct histories *h, const char *id)
{
	return find(h, id);
}

static struct history *history_new(const char *id)
{
	struct history *h = calloc(1, sizeof(*h));

	if (h)
		h->id = strdup(id);
	if (h && !h->id) {
		free(h);
		return NULL;
	}
	return h;
}

static void add_sample(struct history *h, const struct memory_usage *u)
{
	h->is_here = true;
	if (!u->private.set)
		return;
	if (h->n == HISTORY_ROOM) {
		h->n--;
		memmove(h->private, h->private + 1, h->n * sizeof(h->private[0]));
		memmove(h->unique, h->unique + 1, h->n * sizeof(h->unique[0]));
	}
	h->private[h->n] = u->private.value;
	h->unique[h->n] = u->unique.set ? u->unique.value : 0;
	h->n++;
}

/* A place for everything in the census that has none yet, at the end. */
static int add_new(struct histories *h, const struct census *c, struct histories *known)
{
	for (size_t i = 0; i < c->n_usages; i++) {
		if (find(known, c->usages[i].id))
			continue;
		h->v[h->n] = history_new(c->usages[i].id);
		if (!h->v[h->n])
			return -ENOMEM;
		h->n++;
	}
	return 0;
}

static void forget_gone(struct histories *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (h->v[i]->is_here)
			h->v[n++] = h->v[i];
		else
			history_free(h->v[i]);
	}
	h->n = n;
}

int histories_feed(struct histories *h, const struct census *c)
{
	struct histories known = *h;
	struct history **more = reallocarray(h->v, h->n + c->n_usages + 1, sizeof(void *));

	if (!more)
		return -ENOMEM;
	h->v = known.v = more;
	int r = add_new(h, c, &known);
	if (h->n > 1)
		qsort(h->v, h->n, sizeof(void *), by_id);
	for (size_t i = 0; i < h->n; i++)
		h->v[i]->is_here = r < 0;
	for (size_t i = 0; r == 0 && i < c->n_usages; i++)
		add_sample(find(h, c->usages[i].id), &c->usages[i]);
	forget_gone(h);
	return r;
}

void history_range(const uint64_t *samples, size_t n, uint64_t *ret_low, uint64_t *ret_high)
{
	uint64_t low = n ? samples[0] : 0, high = low;

	for (size_t i = 1; i < n; i++) {
		low = samples[i] < low ? samples[i] : low;
		high = samples[i] > high ? samples[i] : high;
	}
	*ret_low = low;
	*ret_high = high;
}
