/*
 * A layer against a model of it, name by name.
 *
 * Both directories are read sorted and walked together. Hard links are compared at the end: files
 * that are one in the model must be one in the layer, and the other way about; their count says
 * nothing, since what was replaced while the layer was unpacked may hold one more.
 */
#include "overlay/compare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "overlay/stub.h"
#include "overlay/text_list.h"
#include "spec/base/fd.h"

#define XATTRS_MAX (128u << 10) /* names or values of one file */
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* One file of the layer that has other names, or its model. */
struct link {
	ino_t layer, model;
	char *path;
};

struct walk {
	const struct comparison *c;
	struct str path; /* where it is; "" at the root */
	char **implicit; /* sorted, borrowed texts */
	size_t n_implicit;
	char *buffer; /* three times XATTRS_MAX */
	struct link *links;
	size_t n_links, room;
	int failed; /* -errno: out of memory or fds */
};

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void tell(const struct walk *w, const char *what)
{
	w->c->tell(w->c->to, w->path.len ? w->path.data : ".", what);
}

static void tellf(const struct walk *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void tellf(const struct walk *w, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	tell(w, text);
}

/* --- one file --------------------------------------------------------------------------------- */

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static bool is_implicit(const struct walk *w)
{
	const char *path = w->path.len ? w->path.data : ".";

	return w->n_implicit &&
	       bsearch(&path, w->implicit, w->n_implicit, sizeof(path), compare_paths);
}

static void compare_stat(const struct walk *w, const struct stat *is, const struct stat *should)
{
	if (is->st_uid != should->st_uid || is->st_gid != should->st_gid)
		tellf(w, "it belongs to %u:%u, it should to %u:%u", is->st_uid, is->st_gid,
			should->st_uid, should->st_gid);
	if (is->st_mode != should->st_mode)
		tellf(w, "its mode is %04o, it should be %04o", is->st_mode & 07777,
			should->st_mode & 07777);
	if (is->st_rdev != should->st_rdev)
		tell(w, "it is another device");
	if (S_ISREG(is->st_mode) && is->st_size != should->st_size)
		tellf(w, "it has %jd bytes, it should have %jd", (intmax_t)is->st_size,
			(intmax_t)should->st_size);
	bool same_time = is->st_mtim.tv_sec == should->st_mtim.tv_sec &&
			 is->st_mtim.tv_nsec == should->st_mtim.tv_nsec;
	if (!same_time && !is_whiteout(is) && !(S_ISDIR(is->st_mode) && is_implicit(w)))
		tell(w, "its time is not the one that it had");
}

static void compare_symlinks(const struct walk *w, int layer, int model, const char *name)
{
	char is[PATH_MAX], should[PATH_MAX];
	ssize_t n = readlinkat(layer, name, is, sizeof(is));

	if (n < 0 || n != readlinkat(model, name, should, sizeof(should)) ||
		memcmp(is, should, (size_t)n) != 0)
		tell(w, "the symbolic link leads elsewhere");
}

/* What security modules of the host give every file is not the layer's; file capabilities are. */
static bool counts(const char *xattr)
{
	return !str_starts(xattr, "security.") || strcmp(xattr, "security.capability") == 0;
}

/* Whether `b` has all that `a` has, with the same values. A stub's own are left out. */
static bool has_xattrs_of(const struct walk *w, int a, int b, bool a_is_stub)
{
	char *names = w->buffer, *is = names + XATTRS_MAX, *should = is + XATTRS_MAX;
	ssize_t n = flistxattr(a, names, XATTRS_MAX);

	if (n < 0)
		return errno == EOPNOTSUPP;
	for (const char *name = names; name < names + n; name += strlen(name) + 1) {
		if (!counts(name) || (a_is_stub && stub_has(name, w->c->form)))
			continue;
		ssize_t len = fgetxattr(a, name, is, XATTRS_MAX);
		if (len < 0 || len != fgetxattr(b, name, should, XATTRS_MAX) ||
			memcmp(is, should, (size_t)len) != 0)
			return false;
	}
	return true;
}

static bool check_stub(const struct walk *w, int fd)
{
	struct object_name name;
	int r = stub_read(fd, w->c->form, &name);

	if (r == 0)
		return false;
	if (r < 0)
		tell(w, "its content is nowhere");
	else if (object_list_has(w->c->damaged, name.text))
		tellf(w, "its content is damaged (object %s)", name.text);
	else if (!object_list_has(w->c->listed, name.text))
		tellf(w, "its content may be removed: object %s is not in the layer's list",
			name.text);
	return true;
}

/* Files and directories, which alone have any. */
static void compare_xattrs(const struct walk *w, int layer, int model, bool is_file)
{
	bool stub = is_file && check_stub(w, layer);

	if (!has_xattrs_of(w, layer, model, stub) || !has_xattrs_of(w, model, layer, false))
		tell(w, "its extended attributes are not those that it had");
}

/* --- hard links ------------------------------------------------------------------------------- */

static void note_link(struct walk *w, const struct stat *is, const struct stat *should)
{
	if (is->st_nlink < 2 && should->st_nlink < 2)
		return;
	if (w->n_links == w->room) {
		size_t room = w->room ? 2 * w->room : 32;
		struct link *more = reallocarray(w->links, room, sizeof(*more));
		if (!more) {
			w->failed = -ENOMEM;
			return;
		}
		w->links = more;
		w->room = room;
	}
	struct link l = { is->st_ino, should->st_ino, strdup(w->path.data) };
	if (!l.path)
		w->failed = -ENOMEM;
	else
		w->links[w->n_links++] = l;
}

static int order(ino_t a, ino_t b)
{
	return (a > b) - (a < b);
}

static int by_model(const void *a, const void *b)
{
	const struct link *x = a, *y = b;
	int o = order(x->model, y->model);

	return o ? o : strcmp(x->path, y->path);
}

static int by_layer(const void *a, const void *b)
{
	const struct link *x = a, *y = b;
	int o = order(x->layer, y->layer);

	return o ? o : strcmp(x->path, y->path);
}

static void compare_links(struct walk *w)
{
	if (w->n_links < 2)
		return;
	qsort(w->links, w->n_links, sizeof(*w->links), by_model);
	for (size_t i = 1; i < w->n_links; i++)
		if (w->links[i].model == w->links[i - 1].model &&
			w->links[i].layer != w->links[i - 1].layer)
			w->c->tell(w->c->to, w->links[i].path, "a hard link is broken");
	qsort(w->links, w->n_links, sizeof(*w->links), by_layer);
	for (size_t i = 1; i < w->n_links; i++)
		if (w->links[i].layer == w->links[i - 1].layer &&
			w->links[i].model != w->links[i - 1].model)
			w->c->tell(w->c->to, w->links[i].path, "it is linked to another file");
}

/* --- the walk --------------------------------------------------------------------------------- */

static void walk_dir(struct walk *w, int layer, int model);

static void compare_inside(struct walk *w, int layer, int model, const char *name, bool is_dir)
{
	int flags = is_dir ? DIR_FLAGS : O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	autofd int in_layer = openat(layer, name, flags);
	autofd int in_model = openat(model, name, flags);

	if (in_layer < 0 || in_model < 0) {
		w->failed = -errno;
		return;
	}
	compare_xattrs(w, in_layer, in_model, !is_dir);
	if (is_dir)
		walk_dir(w, in_layer, in_model);
}

static void compare_entry(struct walk *w, int layer, int model, const char *name)
{
	struct stat is, should;

	if (fstatat(layer, name, &is, AT_SYMLINK_NOFOLLOW) < 0 ||
		fstatat(model, name, &should, AT_SYMLINK_NOFOLLOW) < 0) {
		w->failed = -errno;
		return;
	}
	if ((is.st_mode & S_IFMT) != (should.st_mode & S_IFMT)) {
		tell(w, "it is of another kind than it was");
		return;
	}
	compare_stat(w, &is, &should);
	if (S_ISLNK(is.st_mode))
		compare_symlinks(w, layer, model, name);
	if (!S_ISDIR(is.st_mode))
		note_link(w, &is, &should);
	if (S_ISDIR(is.st_mode) || S_ISREG(is.st_mode))
		compare_inside(w, layer, model, name, S_ISDIR(is.st_mode));
}

/* Calls for each name of the two lists: in the layer, in the model, or in both. */
static void walk_names(struct walk *w, int layer, int model, const struct text_list *is,
	const struct text_list *should)
{
	size_t before = w->path.len, i = 0, j = 0;

	while (w->failed == 0 && (i < is->n || j < should->n)) {
		int o = i == is->n ? 1 : j == should->n ? -1 : strcmp(is->v[i], should->v[j]);
		const char *name = o <= 0 ? is->v[i] : should->v[j];
		str_add(&w->path, before ? "/" : "");
		str_add(&w->path, name);
		if (w->path.failed)
			w->failed = -ENOMEM;
		else if (o < 0)
			tell(w, "it is not of this layer");
		else if (o > 0)
			tell(w, "it is missing");
		else
			compare_entry(w, layer, model, name);
		w->path.len = before;
		if (w->path.data)
			w->path.data[before] = '\0';
		i += o <= 0;
		j += o >= 0;
	}
}

static void walk_dir(struct walk *w, int layer, int model)
{
	automatic(text_list) struct text_list is = { 0 };
	automatic(text_list) struct text_list should = { 0 };

	int r = text_list_add_names(&is, layer);
	if (r == 0)
		r = text_list_add_names(&should, model);
	text_list_sort(&is);
	text_list_sort(&should);
	if (r < 0)
		w->failed = r;
	else
		walk_names(w, layer, model, &is, &should);
}

/* Their paths, for looking one up. -ENOMEM. */
static int sort_implicit(struct walk *w)
{
	const struct comparison *c = w->c;
	size_t n = 0;

	for (size_t at = 0; at < c->implicit_len; at += strlen(c->implicit + at) + 1)
		n++;
	w->implicit = calloc(n + 1, sizeof(*w->implicit));
	if (!w->implicit)
		return -ENOMEM;
	for (size_t at = 0; at < c->implicit_len; at += strlen(c->implicit + at) + 1)
		w->implicit[w->n_implicit++] = (char *)c->implicit + at;
	qsort(w->implicit, n, sizeof(*w->implicit), compare_paths);
	return 0;
}

static void walk_done(struct walk *w)
{
	for (size_t i = 0; i < w->n_links; i++)
		free(w->links[i].path);
	free(w->links);
	free(w->implicit);
	free(w->buffer);
	str_done(&w->path);
}
DEFINE_AUTO(walk, walk_done)

int compare_trees(const struct comparison *c, int layer, int model, struct err *e)
{
	automatic(walk) struct walk w = { .c = c, .buffer = malloc(3 * (size_t)XATTRS_MAX) };
	struct stat is, should;

	if (!w.buffer || sort_implicit(&w) < 0)
		return err_set(e, ENOMEM, "look through a layer");
	if (fstat(layer, &is) < 0 || fstat(model, &should) < 0)
		return err_set(e, errno, "look through a layer");
	compare_stat(&w, &is, &should);
	compare_xattrs(&w, layer, model, false);
	walk_dir(&w, layer, model);
	compare_links(&w);
	return w.failed < 0 ? err_set(e, -w.failed, "look through a layer") : 0;
}
