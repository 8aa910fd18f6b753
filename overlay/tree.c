/*
 * The places of a layer's members.
 *
 * Nearly always a member's parent is the last one's, and costs nothing; else one openat2() finds
 * it. Only where something is missing or a symlink does the walk in user space begin, which makes
 * directories and goes through symlinks component by component: mkdir has no "in root", and openat2
 * does not say where it has come to. It is safe because nobody else can change the tree: what it
 * has seen a moment ago is still so.
 */
#include "overlay/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "overlay/member.h"
#include "spec/base/fd.h"

#define LINKS_MAX 40 /* as the kernel's own resolution */
#define DIR_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A walk that makes what is missing: `done` was resolved and has no symlink, `rest` is to come. */
struct walk {
	struct tree *tree;
	int dir; /* the directory `done` */
	int links;
	char done[PATH_MAX];
	char rest[2 * PATH_MAX];
};

static const char *or_dot(const char *path)
{
	return *path ? path : ".";
}

static int step_to(struct walk *w, int fd)
{
	if (fd < 0)
		return -errno;
	if (w->dir >= 0)
		close(w->dir);
	w->dir = fd;
	return 0;
}

static int step_up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	*(slash ? slash : w->done) = '\0';
	int fd = fd_open_beneath(w->tree->root, or_dot(w->done), O_PATH | O_DIRECTORY);
	if (fd < 0)
		errno = -fd;
	return step_to(w, fd);
}

static int step_down(struct walk *w, const char *name)
{
	size_t have = strlen(w->done);

	int r = step_to(w, openat(w->dir, name, DIR_FLAGS));
	if (r < 0)
		return r;
	int n = snprintf(w->done + have, sizeof(w->done) - have, "%s%s", have ? "/" : "", name);
	return (size_t)n >= sizeof(w->done) - have ? -ENAMETOOLONG : 0;
}

/* The link's text takes the place of its name; the walk goes on with that. */
static int step_through_link(struct walk *w, const char *name)
{
	char target[PATH_MAX], rest[sizeof(w->rest)];

	if (++w->links > LINKS_MAX)
		return -ELOOP;
	ssize_t n = readlinkat(w->dir, name, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	int all = snprintf(rest, sizeof(rest), "%s/%s", target, w->rest);
	if ((size_t)all >= sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(w->rest, rest, (size_t)all + 1);
	if (target[0] != '/')
		return 0;
	w->done[0] = '\0';
	return step_to(w, openat(w->tree->root, ".", DIR_FLAGS));
}

/* A name of a member never begins so (overlay/member.h); a symlink's target might. */
static bool is_reserved(const char *name)
{
	return strncmp(name, ".wh.", 4) == 0;
}

static int make_implicit(struct walk *w, const char *name, struct err *e)
{
	if (is_reserved(name))
		return -EPERM;
	if (mkdirat(w->dir, name, 0755) < 0)
		return -errno;
	int r = pending_add_implicit(w->tree->pending, w->done, name, e);
	return r < 0 ? r : step_down(w, name);
}

static int step(struct walk *w, const char *name, struct err *e)
{
	struct stat st;

	if (*name == '\0' || strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0)
		return step_up(w);
	if (fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? make_implicit(w, name, e) : -errno;
	if (S_ISDIR(st.st_mode))
		return step_down(w, name);
	if (S_ISLNK(st.st_mode))
		return step_through_link(w, name);
	int r = tree_clear(w->tree, w->dir, w->done, name);
	return r < 0 ? r : make_implicit(w, name, e);
}

/* Takes the first component off the rest. */
static void next_name(struct walk *w, char name[NAME_MAX + 1])
{
	size_t len = strcspn(w->rest, "/");
	size_t kept = len > NAME_MAX ? NAME_MAX : len;

	memcpy(name, w->rest, kept);
	name[kept] = '\0';
	len += w->rest[len] == '/';
	memmove(w->rest, w->rest + len, strlen(w->rest + len) + 1);
}

/* The slow way. `real`: the path without symlinks. */
static int make_parents(struct tree *t, const char *path, char real[PATH_MAX], struct err *e)
{
	struct walk w = { .tree = t, .dir = -1 };
	char name[NAME_MAX + 1];

	e->code = 0;
	snprintf(w.rest, sizeof(w.rest), "%s", path);
	int r = step_to(&w, openat(t->root, ".", DIR_FLAGS));
	while (r == 0 && w.rest[0]) {
		next_name(&w, name);
		r = step(&w, name, e);
	}
	if (r < 0) {
		own_close(&w.dir);
		return r;
	}
	memcpy(real, w.done, strlen(w.done) + 1);
	return w.dir;
}

int tree_parent(struct tree *t, const char *path, int *ret_fd, struct err *e)
{
	struct member_text shown;
	char real[PATH_MAX];

	if (t->parent >= 0 && strcmp(path, t->parent_path) == 0) {
		*ret_fd = t->parent;
		return 0;
	}
	snprintf(real, sizeof(real), "%s", path);
	int fd = fd_open_beneath(t->root, or_dot(path), O_PATH | O_DIRECTORY);
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP) {
		fd = make_parents(t, path, real, e);
		if (fd < 0 && e->code)
			return fd;
	}
	if (fd < 0)
		return err_set(e, -fd, "open directory '%s'", member_show(path, &shown));
	own_close(&t->parent);
	t->parent = fd;
	snprintf(t->parent_path, sizeof(t->parent_path), "%s", path);
	memcpy(t->parent_real, real, strlen(real) + 1);
	*ret_fd = fd;
	return 0;
}

int tree_open_dir(const struct tree *t, const char *path)
{
	return fd_open_in_root(t->root, or_dot(path), O_RDONLY | O_DIRECTORY);
}

/* What lies in a directory was not used to find it, so the last parent stays good. */
int tree_clear(const struct tree *t, int dirfd, const char *parent, const char *name)
{
	struct err why;
	struct stat st;

	if (t->recorder && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		(S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size)))
		return recorder_keep(t->recorder, dirfd, parent, name);
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	return fd_remove_tree(dirfd, name, &why);
}

void tree_done(struct tree *t)
{
	own_close(&t->parent);
	t->parent = -1;
}
