/* What an unpack does last: lists in one growing text, so that a row is a few offsets. */
#include "overlay/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (48u << 20) /* with the rows, below 100 MiB: half a million directories */
#define ROWS_MAX (512u << 10)

static int too_many(struct err *e)
{
	return err_say(e, EFBIG, "more directories and whiteouts than a layer may have");
}

/* Adds "parent/base" with its '\0'. */
static int add_path(
	struct pending *p, const char *parent, const char *base, size_t *ret, struct err *e)
{
	size_t place = p->bytes.len;

	if (place > BYTES_MAX)
		return too_many(e);
	str_add(&p->bytes, parent);
	if (*parent && *base)
		str_add(&p->bytes, "/");
	str_add_bytes(&p->bytes, base, strlen(base) + 1);
	*ret = place;
	return str_ok(&p->bytes) ? 0 : err_set(e, ENOMEM, "unpack");
}

/* Room for one row more in an array of rows of `size` bytes. */
static int make_room(void **rows, size_t n, size_t *room, size_t size, struct err *e)
{
	if (n < *room)
		return 0;
	if (n >= ROWS_MAX)
		return too_many(e);
	size_t more = *room ? 2 * *room : 64;
	void *grown = reallocarray(*rows, more, size);
	if (!grown)
		return err_set(e, ENOMEM, "unpack");
	*rows = grown;
	*room = more;
	return 0;
}

static int add_dir(struct pending *p, const char *parent, const char *base, struct pending_dir *dir,
	const struct str *xattrs, struct err *e)
{
	void *rows = p->dirs;

	int r = make_room(&rows, p->n_dirs, &p->room_dirs, sizeof(*p->dirs), e);
	p->dirs = rows;
	if (r == 0)
		r = add_path(p, parent, base, &dir->path, e);
	if (r < 0)
		return r;
	dir->xattrs = p->bytes.len;
	if (xattrs && xattrs->len)
		str_add_bytes(&p->bytes, xattrs->data, xattrs->len);
	if (!str_ok(&p->bytes))
		return err_set(e, ENOMEM, "unpack");
	dir->n_xattrs = p->bytes.len - dir->xattrs;
	p->dirs[p->n_dirs++] = *dir;
	return 0;
}

int pending_add_dir(struct pending *p, const char *parent, const char *base,
	const struct attributes *attributes, const struct str *xattrs, struct err *e)
{
	struct pending_dir dir = { .attributes = *attributes };

	return add_dir(p, parent, base, &dir, xattrs, e);
}

int pending_add_implicit(struct pending *p, const char *parent, const char *base, struct err *e)
{
	struct pending_dir dir = { .implicit = true };

	return add_dir(p, parent, base, &dir, NULL, e);
}

int pending_add_whiteout(struct pending *p, const char *parent, const char *base, struct err *e)
{
	void *rows = p->whiteouts;
	struct pending_whiteout w;

	int r = make_room(&rows, p->n_whiteouts, &p->room_whiteouts, sizeof(*p->whiteouts), e);
	p->whiteouts = rows;
	if (r == 0)
		r = add_path(p, parent, "", &w.parent, e);
	if (r == 0)
		r = add_path(p, base, "", &w.base, e);
	if (r == 0)
		p->whiteouts[p->n_whiteouts++] = w;
	return r;
}

const char *pending_text(const struct pending *p, size_t place)
{
	return p->bytes.data + place;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int pending_list_implicit(const struct pending *p, struct str *ret, struct err *e)
{
	size_t n_given = 0, n_implicit = 0;
	autofree const char **given = calloc(p->n_dirs + 1, sizeof(*given));

	if (!given)
		return err_set(e, ENOMEM, "unpack");
	for (size_t i = 0; i < p->n_dirs; i++) {
		if (p->dirs[i].implicit)
			n_implicit++;
		else
			given[n_given++] = pending_text(p, p->dirs[i].path);
	}
	if (n_implicit == 0)
		return 0;
	qsort(given, n_given, sizeof(*given), compare_texts);
	for (size_t i = 0; i < p->n_dirs; i++) {
		const char *path = pending_text(p, p->dirs[i].path);
		if (!p->dirs[i].implicit ||
			bsearch(&path, given, n_given, sizeof(*given), compare_texts))
			continue;
		if (*path == '\0')
			path = ".";
		str_add_bytes(ret, path, strlen(path) + 1);
	}
	return ret->failed ? err_set(e, ENOMEM, "unpack") : 0;
}

void pending_done(struct pending *p)
{
	str_done(&p->bytes);
	free(p->dirs);
	free(p->whiteouts);
	*p = (struct pending){ 0 };
}
