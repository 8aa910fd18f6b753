/* The layers of one stack. */
#include "overlay/lowers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "overlay/forks.h"
#include "overlay/layer.h"
#include "overlay/object.h"

#define DIR_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

void lowers_done(struct lowers *l)
{
	for (size_t i = 0; i < l->n; i++)
		own_close(&l->fds[i]);
	free(l->fds);
	own_close(&l->objects);
	*l = (struct lowers)LOWERS_NONE;
}

static int add_empty(const struct store *store, const char *name, struct lowers *l, struct err *e)
{
	int fd = openat(store->dir, name, O_PATH | DIR_FLAGS);

	if (fd < 0)
		return err_set(e, errno, "open '%s' in store '%s'", name, store->path);
	l->fds[l->n++] = fd;
	return 0;
}

static int find_stubs(
	const struct store *store, const struct claim *claim, struct lowers *l, struct err *e)
{
	bool any = false;

	for (size_t i = 0; i < claim->n_layers; i++) {
		bool has = layer_has_stubs(store, claim->layers[i]);
		any |= has;
		l->deep |= has && i > 0;
	}
	if (!any)
		return 0;
	if (l->deep && store->form == FORM_USER)
		return err_say(e, ENOTSUP,
			"a layer above another has shared files, which an ordinary user's mount "
			"cannot follow (hint: load the image into a store of its own, or with "
			"--no-sharing)");
	l->objects = objects_open(store);
	return l->objects < 0
		       ? err_set(e, -l->objects, "open the objects of store '%s'", store->path)
		       : 0;
}

/* It is named by the container, which keeps it from being removed (overlay/forks.h). */
static int add_template(
	const struct store *store, const struct claim *claim, struct lowers *l, struct err *e)
{
	int fd = forks_open(store, claim->template, e);

	if (fd < 0)
		return fd;
	l->fds[l->n++] = fd;
	/* What was copied up into it without data. */
	l->deep |= claim->deep;
	return 0;
}

/* Overlay wants one lower beside an upper, or two, of which one may be data-only. */
static int open_all(const struct store *store, const struct claim *claim, bool with_upper,
	struct lowers *l, struct err *e)
{
	int r = find_stubs(store, claim, l, e);
	size_t least = !with_upper && l->objects < 0 ? 2 : 1;
	size_t n = claim->n_layers + (claim->template ? 1 : 0);

	if (r < 0)
		return r;
	l->fds = calloc(n + least, sizeof(*l->fds));
	if (!l->fds)
		return err_set(e, ENOMEM, "open layers");
	if (n < least)
		r = add_empty(store, "empty/a", l, e);
	if (r == 0 && n + 1 < least)
		r = add_empty(store, "empty/b", l, e);
	for (size_t i = 0; r == 0 && i < claim->n_layers; i++) {
		r = layer_open(store, claim->layers[i], &l->fds[l->n], e);
		l->n += r == 0;
	}
	if (r == 0 && claim->template)
		r = add_template(store, claim, l, e);
	return r;
}

int lowers_open(const struct store *store, const struct claim *claim, bool with_upper,
	struct lowers *ret, struct err *e)
{
	automatic(lowers) struct lowers l = LOWERS_NONE;
	int r = open_all(store, claim, with_upper, &l, e);

	if (r < 0)
		return r;
	*ret = l;
	l = (struct lowers)LOWERS_NONE;
	return 0;
}

struct overlay_dirs lowers_dirs(const struct lowers *l, enum overlay_form form)
{
	return (struct overlay_dirs){ .lowers = l->fds,
		.n_lowers = l->n,
		.upper = -1,
		.work = -1,
		.form = form,
		.objects = l->objects >= 0 ? &l->objects : NULL,
		.deep = l->deep };
}
