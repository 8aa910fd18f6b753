/* Where something is mounted in a container. */
#include "overlay/mount_points.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "spec/base/fd.h"
#include "spec/base/str.h"

#define LINKS_MAX 40 /* as the kernel has it */

/* A path on its way: what is resolved, and what is still to come. */
struct way {
	char done[PATH_MAX], rest[PATH_MAX];
	int links;
};

/* The first part of the rest, taken off it; false when there is none. */
static bool next_part(struct way *w, char part[NAME_MAX + 1])
{
	size_t skip = strspn(w->rest, "/"), n = strcspn(w->rest + skip, "/");

	if (n == 0 || n > NAME_MAX)
		return false;
	memcpy(part, w->rest + skip, n);
	part[n] = '\0';
	memmove(w->rest, w->rest + skip + n, strlen(w->rest + skip + n) + 1);
	return true;
}

static int append(struct way *w, const char *part)
{
	size_t len = strlen(w->done), n = strlen(part);

	if (len + n + 2 > sizeof(w->done))
		return -ENAMETOOLONG;
	if (len)
		w->done[len++] = '/';
	memcpy(w->done + len, part, n + 1);
	return 0;
}

static void drop_last(struct way *w)
{
	char *slash = strrchr(w->done, '/');

	*(slash ? slash : w->done) = '\0';
}

/* The text of a symlink before the rest; what it begins with decides where that goes on. */
static int follow(struct way *w, const char *link)
{
	size_t n = strlen(link), m = strlen(w->rest);

	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if (n + m + 2 > sizeof(w->rest))
		return -ENAMETOOLONG;
	memmove(w->rest + n + 1, w->rest, m + 1);
	memcpy(w->rest, link, n);
	w->rest[n] = '/';
	if (link[0] == '/')
		w->done[0] = '\0';
	return 0;
}

/* The symlink `part` where we are: its length; -1 where there is none. */
static ssize_t read_link(int root, const struct way *w, const char *part, char link[PATH_MAX])
{
	autofd int dir = *w->done ? fd_open_beneath(root, w->done, O_PATH | O_DIRECTORY)
				  : openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ssize_t n = dir < 0 ? -1 : readlinkat(dir, part, link, PATH_MAX - 1);

	if (n >= 0)
		link[n] = '\0';
	return n;
}

static int resolve(int root, struct way *w)
{
	char part[NAME_MAX + 1], link[PATH_MAX];
	int r = 0;

	while (r == 0 && next_part(w, part)) {
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0)
			drop_last(w);
		else if (read_link(root, w, part, link) > 0)
			r = follow(w, link);
		else
			r = append(w, part);
	}
	return r;
}

int mount_points_add(struct mount_points *points, int root, const char *destination, struct err *e)
{
	struct way way = { 0 };

	if (strlen(destination) >= sizeof(way.rest))
		return err_set(e, ENAMETOOLONG, "mount point '%.80s'", destination);
	memcpy(way.rest, destination, strlen(destination) + 1);
	int r = resolve(root, &way);
	if (r < 0)
		return err_set(e, -r, "mount point '%s'", destination);
	if (!*way.done)
		return 0; /* the root itself: no place in it */
	char **more = reallocarray(points->paths, points->n + 1, sizeof(*more));
	if (more)
		points->paths = more;
	if (!more || !(more[points->n] = strdup(way.done)))
		return err_set(e, ENOMEM, "mount point '%s'", destination);
	points->n++;
	return 0;
}

void mount_points_done(struct mount_points *points)
{
	for (size_t i = 0; i < points->n; i++)
		free(points->paths[i]);
	free(points->paths);
	*points = (struct mount_points){ 0 };
}

bool mount_points_has(const struct mount_points *points, const char *path)
{
	for (size_t i = 0; i < points->n; i++)
		if (strcmp(points->paths[i], path) == 0)
			return true;
	return false;
}

/* What of a stub's path is below `dir`; NULL: nothing. */
static const char *below(const char *stub, const char *dir)
{
	size_t n = strlen(dir);

	if (n == 0)
		return stub;
	return strncmp(stub, dir, n) == 0 && stub[n] == '/' ? stub + n + 1 : NULL;
}

bool mount_points_has_below(const struct mount_points *points, const char *path)
{
	for (size_t i = 0; i < points->n; i++)
		if (below(points->paths[i], path))
			return true;
	return false;
}
