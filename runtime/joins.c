/* The namespaces that a container joins, opened. */
#include "runtime/joins.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "spec/base/str.h"

/* Opens a namespace by path; it must be of the type that it is listed as. */
static int open_namespace(const struct namespace_spec *ns, size_t i, struct err *e)
{
	autofd int fd = open(ns->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *name = enum_name_of(namespace_names, ns->type);

	if (fd < 0)
		return err_set(e, errno, "linux.namespaces[%zu]: open '%s'", i, ns->path);
	int type = ioctl(fd, NS_GET_NSTYPE);
	if (type != ns->type)
		return err_say(e, EINVAL, "linux.namespaces[%zu]: '%s' is not a %s namespace", i,
			ns->path, name);
	return take_fd(&fd);
}

static bool is_in_ours(pid_t pid, const char *path, const char *name)
{
	autofree char *its = str_format("/proc/%d/ns/%s", (int)pid, name);
	struct stat a, b;

	return its && stat(its, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino;
}

/* Where a fork is to have no namespace of its own it would be in its template's. */
static int join_ours(const struct spec *spec, pid_t template, struct draft *d,
	struct plan_join *joins, uint32_t *n, struct err *e)
{
	static const struct {
		int type;
		const char *name;
	} kinds[] = { { CLONE_NEWNET, "net" }, { CLONE_NEWIPC, "ipc" }, { CLONE_NEWUTS, "uts" } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		autofree char *path = str_format("/proc/self/ns/%s", kinds[i].name);
		if (!path)
			return err_set(e, ENOMEM, "join namespaces");
		if (spec_namespace(spec, kinds[i].type) ||
			is_in_ours(template, path, kinds[i].name))
			continue;
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_set(e, errno, "open '%s'", path);
		joins[(*n)++] = (struct plan_join){ draft_fd(d, fd), (uint32_t)kinds[i].type };
	}
	return 0;
}

int plan_joins(const struct spec *spec, pid_t template, struct draft *d, struct err *e)
{
	const struct linux_spec *l = &spec->linux_;
	struct plan_join joins[8 + 3];
	uint32_t n = 0;

	for (size_t i = 0; i < l->n_namespaces && n < 8; i++) {
		const struct namespace_spec *ns = &l->namespaces[i];
		int fd = namespace_is_joined(ns) ? open_namespace(ns, i, e) : -1;
		if (fd < 0 && namespace_is_joined(ns))
			return fd;
		if (fd >= 0)
			joins[n++] = (struct plan_join){ draft_fd(d, fd), (uint32_t)ns->type };
	}
	int r = template ? join_ours(spec, template, d, joins, &n, e) : 0;
	if (r < 0)
		return r;
	d->plan.n_joins = n;
	d->plan.joins = draft_list(d, joins, n * sizeof(joins[0]));
	return 0;
}
