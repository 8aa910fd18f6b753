/*
 * Device nodes, and the usual links of /dev.
 *
 * All by fd: the image may hold anything below /dev, and /dev itself as a symlink (CVE-2026-41579,
 * CVE-2026-47766): nothing is followed, nothing that is there is deleted.
 */
#include <fcntl.h>
#include <linux/stat.h>

#include "runtime/init/child.h"
#include "runtime/init/dev_links.h"
#include "runtime/init/text.h"

static long encode(unsigned major, unsigned minor)
{
	return (long)((minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12));
}

/* The directory of a device's path, made if missing, and its name there. */
static int open_parent(struct child *c, const char *path, const char **ret_name)
{
	char directory[4096];
	struct text t = TEXT_IN(directory);
	const char *slash = path;

	for (const char *at = path; *at; at++)
		if (*at == '/')
			slash = at;
	text_add_bytes(&t, path, (size_t)(slash - path));
	text_add(&t, slash == path ? "/" : "");
	*ret_name = slash + 1;
	return target_open(c, "linux.devices", directory,
		text_starts(path, "/dev/") ? TARGET_ORDINARY : 0, NULL);
}

/* What lies there already is accepted when it is this very device (a redundant entry), else not. */
static void check_existing(struct child *c, int dir, const char *name, const struct plan_device *d)
{
	struct statx st;
	long r = sys(statx, dir, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_MODE, &st);

	if (r < 0 || (st.stx_mode & S_IFMT) != (d->mode & S_IFMT) ||
		st.stx_rdev_major != d->major || st.stx_rdev_minor != d->minor)
		child_refuse(c, EEXIST, "make device '%s': something else is there",
			child_text(c, d->path));
}

static void make_node(struct child *c, int dir, const char *name, const struct plan_device *d)
{
	long r = sys(mknodat, dir, name, d->mode, encode(d->major, d->minor));

	if (r == -EEXIST) {
		check_existing(c, dir, name, d);
		return;
	}
	if (r >= 0 && (d->uid || d->gid))
		r = sys(fchownat, dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW);
	if (r < 0)
		child_fail(c, (int)r, "make device '%s'", child_text(c, d->path));
}

static void bind_node(struct child *c, int dir, const char *name, const struct plan_device *d)
{
	const char *path = child_text(c, d->path);
	/* What is there is not opened: to open a device of the image's choice may do something. */
	long fd =
		sys(openat, dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0644);

	if (fd >= 0)
		sys(close, fd);
	fd = sys(openat, dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		child_fail(c, (int)fd, "make device '%s'", path);
	target_attach(c, "linux.devices", child_fd(c, d->tree), (int)fd, path);
	sys(close, fd);
}

static void make_links(struct child *c, int dev)
{
	for (size_t i = 0; i < n_dev_links; i++) {
		long r = sys(symlinkat, dev_links[i].to, dev, dev_links[i].name);
		if (r < 0 && r != -EEXIST)
			child_fail(c, (int)r, "make the link '/dev/%s'", dev_links[i].name);
	}
}

void devices_make(struct child *c)
{
	const struct plan_device *devices = child_list(c, c->plan->devices);
	int dev = -1;

	if (!(c->plan->flags & PLAN_ROOTFS))
		return;
	if (c->plan->flags & PLAN_DEV)
		dev = target_open(c, "devices", "/dev", TARGET_ORDINARY, NULL);
	for (uint32_t i = 0; i < c->plan->n_devices; i++) {
		const char *path = child_text(c, devices[i].path), *name = path + 5;
		bool in_dev = dev >= 0 && text_starts(path, "/dev/") && !text_find(name, '/');
		int dir = in_dev ? dev : open_parent(c, path, &name);
		if (devices[i].tree >= 0)
			bind_node(c, dir, name, &devices[i]);
		else
			make_node(c, dir, name, &devices[i]);
		if (!in_dev)
			sys(close, dir);
	}
	if (dev >= 0) {
		make_links(c, dev);
		sys(close, dev);
	}
}
