/* An ordinary user's rights over groups. */
#include "cgroup/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/hierarchy.h"
#include "cgroup/limits.h"
#include "spec/base/fd.h"
#include "spec/base/own.h"
#include "spec/base/str.h"

#define CGROUP_FILE_MAX (1u << 16)

char *rights_own_path(void)
{
	autofree char *text = NULL;
	struct err ignored;
	size_t len;

	if (fd_read_file(AT_FDCWD, "/proc/self/cgroup", CGROUP_FILE_MAX, &text, &len, &ignored) < 0)
		return NULL;
	char *at = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!at)
		return NULL;
	at = strchr(at, '/');
	if (!at)
		return NULL;
	at[strcspn(at, "\n")] = '\0';
	return strdup(at[1] ? at : "");
}

/* The directory of the group whose path is the first n bytes of `path`, and `file` in it. */
static bool may_write(int root, const char *path, size_t n, const char *file)
{
	char at[PATH_MAX];
	int len = snprintf(at, sizeof(at), "./%.*s/%s", (int)n, path, file);

	return len < (int)sizeof(at) && faccessat(root, at, W_OK, 0) == 0;
}

static bool exists(int root, const char *path, size_t n)
{
	char at[PATH_MAX];
	int len = snprintf(at, sizeof(at), "./%.*s", (int)n, path);

	return len < (int)sizeof(at) && faccessat(root, at, F_OK, 0) == 0;
}

/* How much of the path is left without its last name. */
static size_t above(const char *path, size_t n)
{
	while (n && path[n - 1] != '/')
		n--;
	while (n && path[n - 1] == '/')
		n--;
	return n;
}

/* How many bytes of `path` are names that `own` begins with too. */
static size_t common(const char *path, const char *own)
{
	size_t n = 0, whole = 0;

	for (;; n++) {
		bool ends = !path[n] || path[n] == '/', own_ends = !own[n] || own[n] == '/';
		if (ends && own_ends)
			whole = n;
		if (!path[n] || path[n] != own[n])
			return whole;
	}
}

bool rights_to(int root, const char *path)
{
	autofree char *own = rights_own_path();
	size_t n = strlen(path);

	if (!own || !may_write(root, path, common(path, own), "cgroup.procs"))
		return false;
	while (n && !exists(root, path, n))
		n = above(path, n);
	return may_write(root, path, n, "");
}

/* `ret_around`: it is the one around ours, and has no processes. */
static char *find_place(int root, bool *ret_around)
{
	autofree char *own = rights_own_path();
	size_t n = own ? strlen(own) : 0;
	const size_t candidates[] = { above(own ? own : "", n), n };

	for (size_t i = 0; own && i < 2; i++)
		if (may_write(root, own, candidates[i], "cgroup.procs") &&
			may_write(root, own, candidates[i], "")) {
			*ret_around = i == 0 && n;
			return str_format("%.*s", (int)candidates[i], own);
		}
	return NULL;
}

char *rights_place(int root)
{
	bool ignored;

	return find_place(root, &ignored);
}

int rights_own_group(int root)
{
	autofree char *own = rights_own_path();
	autofree char *path = own ? str_format("./%s", own) : NULL;
	int fd = path ? openat(root, path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd < 0 ? (path ? -errno : -ENOENT) : fd;
}

bool rights_limit(int root, const char *controller)
{
	bool around = false;
	autofree char *at = find_place(root, &around);
	autofree char *path = at && around ? str_format("./%s", at) : NULL;
	autofd int group = path ? openat(root, path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	return group >= 0 && hierarchy_has(group, controller);
}

int rights_refuse_limits(const struct resources *r, struct err *e)
{
	automatic(limits_plan) struct limits_plan plan = { 0 };
	int bad = limits_plan(r, &plan, e);

	for (size_t i = 0; bad == 0 && i < plan.n; i++)
		if (!(plan.v[i].flags & LIMIT_MAY_LACK))
			return err_say(e, EPERM,
				"linux.resources: '%s' cannot be set: we may make no cgroup here: " RIGHTS_HINT,
				plan.v[i].file);
	return bad;
}
