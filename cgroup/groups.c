/* All groups of a hierarchy. */
#include "cgroup/groups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/path.h"
#include "spec/base/own.h"
#include "spec/base/str.h"

struct walk {
	groups_visit *visit;
	void *context;
	char path[CGROUP_PATH_MAX];
};

static int walk(struct walk *w, int dir, size_t length, struct err *e);

static int enter(struct walk *w, int parent, size_t length, const char *name, struct err *e)
{
	size_t n = strlen(name);

	if (length + n + 2 > sizeof(w->path))
		return 0;
	w->path[length] = '/';
	memcpy(w->path + length + 1, name, n + 1);
	autofd int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	int r = w->visit(w->context, w->path, fd, e);
	return r != 0 ? (r < 0 ? r : 0) : walk(w, fd, length + n + 1, e);
}

static int is_group(const struct dirent *d)
{
	return d->d_type == DT_DIR && !str_equal(d->d_name, ".") && !str_equal(d->d_name, "..");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int walk(struct walk *w, int group, size_t length, struct err *e)
{
	struct dirent **inner = NULL;
	int r = 0, n = scandirat(group, ".", &inner, is_group, by_name);

	if (n < 0)
		return errno == ENOMEM ? err_set(e, errno, "list the cgroups") : 0;
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = enter(w, group, length, inner[i]->d_name, e);
		free(inner[i]);
	}
	free(inner);
	return r;
}

int groups_walk(int root, groups_visit *visit, void *context, struct err *e)
{
	struct walk w = { .visit = visit, .context = context };

	return walk(&w, root, 0, e);
}
