/*
 * All groups of a hierarchy.
 *
 * A container that was given its cgroup can nest without end, so neither the stack, nor the number
 * of open files, nor the length of a path may be at an end before the groups are: we walk down and
 * up by one fd. ".." of a group is always the same one: groups never move to another parent, in v1
 * neither.
 */
#include "cgroup/groups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/knob.h"
#include "spec/base/own.h"
#include "spec/base/str.h"

/* The groups in one of those that we are in. */
struct level {
	struct dirent **inner;
	int n, next;
	size_t length; /* of its path */
};

struct walk {
	groups_visit *visit;
	void *context;
	int at; /* the group that the last level is of */
	struct level *levels;
	size_t depth, room;
	char *path;
	size_t path_room;
};

static void level_done(struct level *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->inner[i]);
	free(l->inner);
}

static void walk_done(struct walk *w)
{
	while (w->depth)
		level_done(&w->levels[--w->depth]);
	free(w->levels);
	free(w->path);
	own_close(&w->at);
}
DEFINE_AUTO(walk, walk_done)

static int is_group(const struct dirent *d)
{
	return d->d_type == DT_DIR && !str_equal(d->d_name, ".") && !str_equal(d->d_name, "..");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Another level, of the group `fd`: 1; 0: it has gone; or -errno. */
static int push(struct walk *w, int fd, size_t length)
{
	if (w->depth == w->room) {
		size_t room = w->room ? 2 * w->room : 16;
		struct level *levels = reallocarray(w->levels, room, sizeof(*levels));
		if (!levels)
			return -ENOMEM;
		w->levels = levels;
		w->room = room;
	}
	struct level l = { .length = length };
	l.n = scandirat(fd, ".", &l.inner, is_group, by_name);
	if (l.n < 0)
		return knob_is_gone(-errno) ? 0 : -errno;
	w->levels[w->depth++] = l;
	return 1;
}

/* The path of a group in that one; its length, or -ENOMEM. */
static ssize_t append(struct walk *w, size_t length, const char *name)
{
	size_t n = strlen(name), wants = length + n + 2;

	if (!w->path || wants > w->path_room) {
		char *path = realloc(w->path, 2 * wants);
		if (!path)
			return -ENOMEM;
		w->path = path;
		w->path_room = 2 * wants;
	}
	w->path[length] = '/';
	memcpy(w->path + length + 1, name, n + 1);
	return (ssize_t)(length + n + 1);
}

static int enter(struct walk *w, size_t length, const char *name, struct err *e)
{
	ssize_t n = append(w, length, name);
	autofd int fd =
		n < 0 ? -1 : openat(w->at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (n < 0)
		return err_set(e, ENOMEM, "list the cgroups");
	if (fd < 0)
		return knob_is_gone(-errno) ? 0 : w->visit(w->context, w->path, -errno, e);
	int r = w->visit(w->context, w->path, fd, e);
	if (r != 0)
		return r;
	r = push(w, fd, (size_t)n);
	if (r == -ENOMEM)
		return err_set(e, ENOMEM, "list the cgroups");
	if (r < 0)
		return w->visit(w->context, w->path, r, e);
	if (r > 0) {
		own_close(&w->at);
		w->at = take_fd(&fd);
	}
	return 0;
}

static int leave(struct walk *w, struct err *e)
{
	level_done(&w->levels[--w->depth]);
	if (w->depth == 0)
		return 0;
	int up = openat(w->at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (up < 0)
		return knob_error(e, errno, "list the cgroups");
	own_close(&w->at);
	w->at = up;
	return 0;
}

int groups_walk(int root, groups_visit *visit, void *context, struct err *e)
{
	automatic(walk) struct walk w = { .visit = visit, .context = context };

	w.at = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = w.at < 0 ? -errno : push(&w, w.at, 0);
	if (r < 0)
		return knob_is_gone(r) ? 0 : knob_error(e, -r, "list the cgroups");
	while (r >= 0 && w.depth) {
		struct level *l = &w.levels[w.depth - 1];
		r = l->next < l->n ? enter(&w, l->length, l->inner[l->next++]->d_name, e)
				   : leave(&w, e);
	}
	return r < 0 ? r : 0;
}
