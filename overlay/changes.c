/*
 * What a container has changed.
 *
 * Both trees are walked in step, one frame a directory. Of an upper layer only its own names are
 * looked at, so the time is that of the change and not of the image; the image's names are read
 * beside them where they tell what is gone (opaque directories, whole copies) or are wanted too.
 *
 * A directory is in an upper layer whenever something in it changed. It is told when it differs
 * itself, or before the first change in it: so each frame knows whether it was told.
 */
#include "overlay/changes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/redirect.h"
#include "overlay/text_list.h"
#include "spec/base/fd.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct frame {
	struct frame *up;	 /* NULL: of the root */
	struct change directory; /* itself; its path is not set */
	size_t path_len;
	int own, image; /* -1: not there, or no directory there */
	bool hidden;	/* the image's members do not show through */
	bool moved;	/* `image` is of another path: all of it is new here */
	bool told;
};

struct walk {
	const struct changes *c;
	change_visit *visit;
	void *data;
	char path[PATH_MAX];
	size_t len;
	struct redirect redirect; /* of the file that is told */
};

static int fail(const struct walk *w, int r, struct err *e)
{
	return err_set(e, -r, "look at '/%s'", w->path);
}

static int read_names(const struct walk *w, const struct frame *in, struct text_list *names)
{
	bool images_too = in->hidden || in->moved || w->c->whole || w->c->everything || in->own < 0;
	int r = in->own < 0 ? 0 : text_list_add_names(names, in->own);

	if (r == 0 && in->image >= 0 && images_too)
		r = text_list_add_names(names, in->image);
	if (r == 0)
		text_list_sort(names);
	return r;
}

static uint32_t map_back(const struct id_map *v, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (id >= v[i].outside && id - v[i].outside < v[i].size)
			return v[i].inside + (id - v[i].outside);
	return id;
}

/* 1 with its stat, 0 when it is not there. */
static int look(const struct walk *w, int dir, const char *name, bool own, struct place *ret)
{
	*ret = (struct place){ .dir = dir, .name = name };
	if (dir < 0)
		return 0;
	if (fstatat(dir, name, &ret->st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (own) {
		ret->st.st_uid = map_back(w->c->uids, w->c->n_uids, ret->st.st_uid);
		ret->st.st_gid = map_back(w->c->gids, w->c->n_gids, ret->st.st_gid);
	}
	return 1;
}

static bool is_whiteout(const struct walk *w, const struct stat *st)
{
	return !w->c->whole && S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* --- telling ------------------------------------------------------------------------------------
 */

static int visit(struct walk *w, struct change *change, size_t len, struct err *e)
{
	char kept = w->path[len];

	w->path[len] = '\0';
	change->path = w->path;
	int r = w->visit(w->data, change, e);
	w->path[len] = kept;
	return r;
}

/* The directories on the way, the outermost first. The root is there in any case. */
static int tell_parents(struct walk *w, struct frame *f, struct err *e)
{
	if (!f || f->told)
		return 0;
	int r = tell_parents(w, f->up, e);
	f->told = true;
	if (r < 0 || !f->up)
		return r;
	return visit(w, &f->directory, f->path_len, e);
}

static int tell(struct walk *w, struct frame *in, struct change *change, struct err *e)
{
	int r = tell_parents(w, in, e);

	return r < 0 ? r : visit(w, change, w->len, e);
}

/* --- directories --------------------------------------------------------------------------------
 */

/*
 * Whether a directory that both have is to be told for itself. Its time tells of members that come
 * and go; but where the runtime made some of these for mounts, it tells of that.
 */
static int differs(
	const struct walk *w, const struct place *own, const struct place *image, struct err *e)
{
	const struct timespec *a = &own->st.st_mtim, *b = &image->st.st_mtim;
	bool at_root = w->len == 0;
	int r = likeness_of(own, image, false, e);

	if (r < 0)
		return r;
	if (r == 0)
		return 1;
	if (at_root || mount_points_has_below(&w->c->mount_points, w->path))
		return 0;
	return a->tv_sec != b->tv_sec || a->tv_nsec != b->tv_nsec;
}

static int walk_frame(struct walk *w, struct frame *f, struct err *e);

/* What a redirect means: a path below the directory that is set. */
static const char *redirect_from(
	const struct walk *w, const struct frame *in, const char *path, int *ret_dir)
{
	*ret_dir = path[0] == '/' ? w->c->image : in->image;
	return path[0] == '/' ? path + 1 : path;
}

/*
 * Opens what a directory has, and says in the frame what that means. `image`: the directory of that
 * path there, NULL: none.
 */
static int open_frame(struct walk *w, const struct frame *in, const struct place *own,
	const struct place *image, struct frame *f, struct err *e)
{
	struct redirect redirect = { 0 };
	int dir;

	f->own = own ? openat(own->dir, own->name, DIR_FLAGS) : -1;
	if (own && f->own < 0)
		return fail(w, -errno, e);
	int r = own && !w->c->whole ? redirect_read(f->own, w->c->form, &redirect) : 0;
	if (r < 0)
		return fail(w, r, e);
	bool opaque = own && image && !w->c->whole && form_is_opaque(f->own, w->c->form);
	f->moved = *redirect.path || in->moved;
	f->hidden = !f->moved && (in->hidden || opaque);
	f->directory.opaque = !in->hidden && !in->moved && image && (opaque || *redirect.path);
	if (*redirect.path) {
		const char *from = redirect_from(w, in, redirect.path, &dir);
		f->image = fd_open_beneath(dir, from, DIR_FLAGS);
		return f->image < 0 ? fail(w, f->image, e) : 0;
	}
	f->image =
		image && !(in->moved && opaque) ? openat(image->dir, image->name, DIR_FLAGS) : -1;
	return image && f->image < 0 && !(in->moved && opaque) ? fail(w, -errno, e) : 0;
}

/* `told`: whatever is in it. */
static int walk_directory(struct walk *w, struct frame *in, const struct place *own,
	const struct place *image, enum change_kind kind, bool told, struct err *e)
{
	struct frame f = { .up = in,
		.directory = { .kind = kind, .place = own ? *own : *image },
		.path_len = w->len,
		.own = -1,
		.image = -1 };
	int r = open_frame(w, in, own, image, &f, e);

	if (r == 0 && (told || f.directory.opaque || f.moved))
		r = tell_parents(w, &f, e);
	if (r == 0)
		r = walk_frame(w, &f, e);
	own_close(&f.own);
	own_close(&f.image);
	return r;
}

/* --- names --------------------------------------------------------------------------------------
 */

/* Of the image, and not of its own; `gone`: said to be. */
static int walk_image_only(
	struct walk *w, struct frame *in, const struct place *image, bool gone, struct err *e)
{
	struct change change = { .kind = in->moved ? CHANGE_ADDED : CHANGE_NONE,
		.place = *image,
		.content_dir = image->dir,
		.content = image->name };

	if (gone && in->moved)
		return 0;
	if (gone || in->hidden || w->c->whole) {
		change.kind = CHANGE_DELETED;
		change.hidden = in->hidden;
		return w->c->everything ? 0 : tell(w, in, &change, e);
	}
	if (S_ISDIR(image->st.st_mode))
		return walk_directory(w, in, NULL, image, change.kind, true, e);
	return tell(w, in, &change, e);
}

static enum change_kind kind_of(const struct frame *in, const struct place *image)
{
	return image && !in->moved ? CHANGE_MODIFIED : CHANGE_ADDED;
}

static int walk_own_directory(struct walk *w, struct frame *in, const struct place *own,
	const struct place *image, struct err *e)
{
	bool merged = image && S_ISDIR(image->st.st_mode);
	bool for_mounts = !image && mount_points_has_below(&w->c->mount_points, w->path);
	int told = w->c->everything || (!for_mounts && (!merged || in->hidden));

	if (!told && merged && !in->moved)
		told = differs(w, own, image, e);
	if (told < 0)
		return told;
	return walk_directory(w, in, own, merged ? image : NULL, kind_of(in, image), told, e);
}

/* Where a file's data is: its own, the image's of the same path, or the image's of another. */
enum content {
	CONTENT_OWN,
	CONTENT_THERE,
	CONTENT_ELSEWHERE,
};

/* After a rename to and fro. Only asked where the path is the image's too. */
static bool is_same_path(const struct walk *w, const struct place *own, const char *redirect)
{
	return *redirect == '/' ? strcmp(redirect + 1, w->path) == 0
				: strcmp(redirect, own->name) == 0;
}

/* -errno. */
static int find_content(struct walk *w, const struct frame *in, const struct place *own,
	struct change *change, struct err *e)
{
	struct redirect *redirect = &w->redirect;

	change->content_dir = own->dir;
	change->content = own->name;
	if (w->c->whole || !S_ISREG(own->st.st_mode))
		return CONTENT_OWN;
	autofd int fd = fd_open_regular(own->dir, own->name);
	int r = fd < 0 ? fd : redirect_read(fd, w->c->form, redirect);
	if (r < 0)
		return fail(w, r, e);
	if (!redirect->without_data)
		return CONTENT_OWN;
	if (*redirect->path) {
		change->content = redirect_from(w, in, redirect->path, &change->content_dir);
		return is_same_path(w, own, redirect->path) ? CONTENT_THERE : CONTENT_ELSEWHERE;
	}
	change->content_dir = in->image;
	return CONTENT_THERE;
}

/*
 * Content is compared where an upper layer has a file with nothing else to tell it from the
 * image's: programs that set times back are not rare. One whose data is another file's of the image
 * is another file. A name more of it is a change by itself, and both names are told, so that they
 * stay one file.
 */
static int walk_own(struct walk *w, struct frame *in, const struct place *own,
	const struct place *image, struct err *e)
{
	struct change change = { .kind = kind_of(in, image), .place = *own };
	int same = 0;

	if (S_ISDIR(own->st.st_mode))
		return walk_own_directory(w, in, own, image, e);
	int content = find_content(w, in, own, &change, e);
	if (content < 0)
		return content;
	bool may_be_same = image && !in->hidden && !in->moved && content != CONTENT_ELSEWHERE;
	if (may_be_same && (w->c->whole || own->st.st_nlink == 1))
		same = likeness_of(own, image, !w->c->whole && content == CONTENT_OWN, e);
	if (same < 0)
		return same;
	if (same)
		change.kind = CHANGE_NONE;
	return same && !w->c->everything ? 0 : tell(w, in, &change, e);
}

static int walk_name(struct walk *w, struct frame *in, const char *name, struct err *e)
{
	struct place own, image;
	int has_own = look(w, in->own, name, true, &own);
	int has_image = look(w, in->image, name, false, &image);

	if (has_own < 0 || has_image < 0)
		return fail(w, has_own < 0 ? has_own : has_image, e);
	bool gone = has_own && is_whiteout(w, &own.st);
	if (has_own && !gone)
		return walk_own(w, in, &own, has_image ? &image : NULL, e);
	return has_image ? walk_image_only(w, in, &image, gone, e) : 0;
}

static int walk_frame(struct walk *w, struct frame *f, struct err *e)
{
	automatic(text_list) struct text_list names = { 0 };
	size_t len = w->len;
	int r = read_names(w, f, &names);

	if (r < 0)
		return fail(w, r, e);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		size_t n = strlen(names.v[i]);
		if (len + n + 2 > sizeof(w->path))
			return fail(w, -ENAMETOOLONG, e);
		if (len)
			w->path[len] = '/';
		w->len = len + (len != 0) + n;
		memcpy(w->path + w->len - n, names.v[i], n + 1);
		if (!mount_points_has(&w->c->mount_points, w->path))
			r = walk_name(w, f, names.v[i], e);
		w->len = len;
		w->path[len] = '\0';
	}
	return r;
}

/* The root's time tells nothing: it is made anew for each container. */
static int walk_root(struct walk *w, struct frame *root, struct err *e)
{
	struct change change = { .kind = CHANGE_MODIFIED };
	struct place own, image;
	int has_own = look(w, w->c->own, ".", true, &own);
	int has_image = look(w, w->c->image, ".", false, &image);
	int told = w->c->everything;

	if (has_own < 0 || has_image < 0)
		return fail(w, has_own < 0 ? has_own : has_image, e);
	if (!told && has_own && has_image)
		told = differs(w, &own, &image, e);
	if (told < 0)
		return told;
	change.place = has_own ? own : image;
	int r = told ? visit(w, &change, 0, e) : 0;
	return r < 0 ? r : walk_frame(w, root, e);
}

int changes_walk(const struct changes *changes, change_visit *visitor, void *data, struct err *e)
{
	struct walk w = { .c = changes, .visit = visitor, .data = data };
	struct frame root = { .own = changes->own, .image = changes->image, .told = true };

	return walk_root(&w, &root, e);
}
