/* The cgroup v1 hierarchies of this host, through libcgroup. */
#include "cgroup/foreign.h"

#include <errno.h>
#include <libcgroup.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "spec/base/str.h"

/* libcgroup has codes of its own, and errnos where it says ECGOTHER (0 where it has none). */
static int library_error(struct err *e, int code, const char *what)
{
	int number = code == ECGOTHER ? cgroup_get_last_errno() : 0;

	if (number)
		return err_set(e, number, "%s", what);
	return err_say(
		e, EIO, "%s: libcgroup cannot read this host's mounts (code %d)", what, code);
}

/* Its state is the process's, and starting it twice leaks. */
static int start(void)
{
	static bool started;
	int r = started ? 0 : cgroup_init();

	started = r == 0;
	return r;
}

/* It lists the v2 mount too, by the controllers there. */
static bool is_v1(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP_SUPER_MAGIC;
}

/* Controllers that are mounted together are one hierarchy. */
static int add(struct foreign *f, const char *controller, const char *path)
{
	for (size_t i = 0; i < f->n; i++) {
		struct foreign_hierarchy *h = &f->v[i];
		if (!str_equal(h->path, path))
			continue;
		char *both = str_format("%s,%s", h->controllers, controller);
		if (!both)
			return -ENOMEM;
		free(h->controllers);
		h->controllers = both;
		return 0;
	}
	struct foreign_hierarchy *v = reallocarray(f->v, f->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	f->v = v;
	v[f->n] = (struct foreign_hierarchy){ strdup(path), strdup(controller) };
	f->n++;
	return v[f->n - 1].path && v[f->n - 1].controllers ? 0 : -ENOMEM;
}

int foreign_list(struct foreign *ret, struct err *e)
{
	automatic(foreign) struct foreign all = { 0 };
	struct cgroup_mount_point at; /* 8 KiB */
	void *handle = NULL;
	int bad = 0, r = start();

	if (r == ECGROUPNOTMOUNTED)
		r = ECGEOF;
	else if (r == 0)
		r = cgroup_get_controller_begin(&handle, &at);
	if (r != 0 && r != ECGEOF)
		return library_error(e, r, "list the cgroup hierarchies");
	for (; r == 0 && bad == 0; r = cgroup_get_controller_next(&handle, &at))
		if (is_v1(at.path))
			bad = add(&all, at.name, at.path);
	cgroup_get_controller_end(&handle);
	if (bad < 0)
		return err_set(e, -bad, "list the cgroup hierarchies");
	*ret = all;
	all = (struct foreign){ 0 };
	return 0;
}

void foreign_done(struct foreign *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].path);
		free(f->v[i].controllers);
	}
	free(f->v);
	*f = (struct foreign){ 0 };
}

int foreign_memory(const char *group, uint64_t *ret_bytes, struct err *e)
{
	char text[32] = "", file[] = "memory.usage_in_bytes";
	void *handle = NULL;
	int r = start();

	if (r == 0)
		r = cgroup_read_value_begin("memory", group, file, &handle, text, sizeof(text));
	if (r != 0)
		return library_error(e, r, "read the memory use of a cgroup v1 group");
	cgroup_read_value_end(&handle);
	text[strcspn(text, "\n")] = '\0';
	if (!str_to_u64(text, UINT64_MAX, ret_bytes))
		return err_say(
			e, EIO, "read the memory use of '%s': '%s' is no number", group, text);
	return 0;
}
