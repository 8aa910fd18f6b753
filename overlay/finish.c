/*
 * The last part of an unpack.
 *
 * First the opaque directories, then the whiteouts (a whiteout of a directory that this layer
 * brings makes that one opaque), then none may be left below an opaque directory: there is nothing
 * to hide there, and readdir would show it. Attributes come last, since all this moves times.
 */
#include "overlay/finish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "overlay/member.h"
#include "spec/base/fd.h"

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static int purge_whiteouts(int fd, enum overlay_form form);

static int purge_entry(int dir, const char *name, enum overlay_form form)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (is_whiteout(&st))
		return unlinkat(dir, name, 0) < 0 ? -errno : 0;
	if (!S_ISDIR(st.st_mode))
		return 0;
	int below = fd_open_beneath(dir, name, O_RDONLY | O_DIRECTORY);
	if (below < 0)
		return below;
	/* An opaque one has its own turn: so no directory is gone through twice. */
	if (form_is_opaque(below, form)) {
		close(below);
		return 0;
	}
	return purge_whiteouts(below, form);
}

/* Takes fd, an opaque directory or one below it. -errno. */
static int purge_whiteouts(int fd, enum overlay_form form)
{
	DIR *dir = fdopendir(fd);
	int r = 0;

	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	for (struct dirent *d; r == 0 && (d = readdir(dir));)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = purge_entry(fd, d->d_name, form);
	closedir(dir);
	return r;
}

/* The directory that holds a whiteout; -ENOTDIR where the layer has something else there. */
static int open_holder(struct tree *tree, const char *path, struct err *e)
{
	int fd = tree_open_dir(tree, path), made;

	if (fd == -ENOENT) {
		int r = tree_parent(tree, path, &made, e);
		if (r < 0)
			return r;
		fd = openat(made, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	return fd;
}

/* What this layer itself has under that name hides the layers below as well. */
static int make_whiteout(int holder, const char *name, enum overlay_form form)
{
	struct stat st;

	if (fstatat(holder, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return -errno;
		return mknodat(holder, name, S_IFCHR, makedev(0, 0)) < 0 ? -errno : 0;
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	autofd int fd = openat(holder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : form_make_opaque(fd, form);
}

/* `base` "": the holder itself; else a directory in it that a whiteout has made opaque. */
static int purge(int holder, const char *base, enum overlay_form form)
{
	int fd =
		openat(holder, *base ? base : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOTDIR || errno == ENOENT || errno == ELOOP ? 0 : -errno;
	return purge_whiteouts(fd, form);
}

enum pass { PASS_OPAQUE, PASS_WHITEOUT, PASS_PURGE };

static int finish_one(
	struct tree *tree, const struct pending_whiteout *w, enum pass pass, struct err *e)
{
	/* Copies: the list grows, and moves, while missing directories are made on the way. */
	autofree char *parent = strdup(pending_text(tree->pending, w->parent));
	autofree char *base = strdup(pending_text(tree->pending, w->base));
	struct member_text shown;

	if (!parent || !base)
		return err_set(e, ENOMEM, "unpack");
	if (pass != PASS_PURGE && (*base == '\0') != (pass == PASS_OPAQUE))
		return 0;
	e->code = 0;
	autofd int fd = open_holder(tree, parent, e);
	if (fd == -ENOTDIR)
		return 0;
	if (fd < 0 && e->code)
		return fd;
	int r = fd;
	if (fd >= 0 && pass == PASS_OPAQUE)
		r = form_make_opaque(fd, tree->form);
	else if (fd >= 0 && pass == PASS_WHITEOUT)
		r = make_whiteout(fd, base, tree->form);
	else if (fd >= 0)
		r = purge(fd, base, tree->form);
	return r < 0 ? err_set(e, -r, "hide lower layers in '%s'", member_show(parent, &shown)) : 0;
}

static int finish_whiteouts(struct tree *tree, struct err *e)
{
	for (int pass = PASS_OPAQUE; pass <= PASS_PURGE; pass++)
		for (size_t i = 0; i < tree->pending->n_whiteouts; i++) {
			struct pending_whiteout w = tree->pending->whiteouts[i];
			int r = finish_one(tree, &w, (enum pass)pass, e);
			if (r < 0)
				return r;
		}
	return 0;
}

/* A directory that something else has replaced since is nobody's any more. */
static int finish_dir(struct tree *tree, const struct pending_dir *d, struct err *e)
{
	const char *path = pending_text(tree->pending, d->path);
	struct member_text shown;

	autofd int fd = tree_open_dir(tree, path);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	int r = fd < 0 ? fd
		       : attributes_apply(fd, &d->attributes, false,
				 tree->pending->bytes.data + d->xattrs, d->n_xattrs);
	if (r == -EINVAL && tree->form == FORM_USER)
		return attributes_unmapped(&d->attributes, member_show(path, &shown), e);
	return r < 0 ? err_set(e, -r, "set attributes of '%s'", member_show(path, &shown)) : 0;
}

int finish_tree(struct tree *tree, struct err *e)
{
	int r = finish_whiteouts(tree, e);

	for (size_t i = 0; r == 0 && i < tree->pending->n_dirs; i++)
		if (!tree->pending->dirs[i].implicit)
			r = finish_dir(tree, &tree->pending->dirs[i], e);
	return r;
}
