/*
 * Places in the container's root: found and made by fd, never by a path string of the host.
 *
 * The image, and whoever shares a volume with it, owns every component. The kernel resolves what
 * exists (openat2 within the root); what is missing is made one component at a time below the fd of
 * its parent, without following anything (CVE-2021-30465, CVE-2024-45310, CVE-2025-24965).
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <sys/statfs.h>

#include "runtime/init/child.h"
#include "runtime/init/text.h"

enum { PATH_BYTES = 4096, LINKS_MAX = 40 };

int target_find(const struct child *c, const char *path, int flags, uint64_t resolve)
{
	return sys_openat2_path(c->root, path, O_PATH | O_CLOEXEC | flags,
		resolve | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/* The next component of *path, copied; false at the end. */
static bool next_component(const char **path, char *name)
{
	size_t n = 0;

	while (**path == '/')
		(*path)++;
	while (**path && **path != '/' && n < 255)
		name[n++] = *(*path)++;
	name[n] = '\0';
	while (**path == '/')
		(*path)++;
	return n > 0;
}

/*
 * One missing component, below the fd of its parent, which is closed. -errno. That somebody made it
 * meanwhile, as another container with the same volume may, is fine: nothing is followed.
 */
static int make_component(int parent, const char *name, bool file)
{
	long fd = text_equal(name, "..") ? -EINVAL : 0;

	if (fd == 0 && file)
		fd = sys(openat, parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC,
			0644);
	else if (fd == 0)
		fd = sys(mkdirat, parent, name, 0755);
	if (fd >= 0 && file)
		sys(close, fd);
	if (fd >= 0 || fd == -EEXIST)
		fd = sys(openat, parent, name,
			O_PATH | O_NOFOLLOW | O_CLOEXEC | (file ? 0 : O_DIRECTORY));
	sys(close, parent);
	return (int)fd;
}

/* A way through the root: what exists of it, and the rest. */
struct walk {
	struct text at; /* `done` */
	char done
		[PATH_BYTES]; /* "/var" of "/var/lib/x": resolved by the kernel as often as needed */
	const char *rest;     /* "lib/x" */
	char led[2][PATH_BYTES]; /* the path by way of the last link, and of the one before */
};

/* Begins at the directory that `path` is in, when that exists, else at the root. */
static int walk_begin(const struct child *c, struct walk *w, const char *path, uint64_t resolve)
{
	const char *last = path;
	int fd = -ENOENT;

	w->at = (struct text){ w->done, 0, sizeof(w->done) };
	for (const char *s = path; *s; s++)
		if (*s == '/' && s[1] && s[1] != '/')
			last = s;
	text_add_bytes(&w->at, path, (size_t)(last - path));
	if (w->at.len)
		fd = target_find(c, w->done, O_DIRECTORY, resolve);
	if (fd < 0) {
		w->at.len = 0;
		w->done[0] = '\0';
		last = path;
		fd = target_find(c, "/", O_DIRECTORY, resolve);
	}
	w->rest = last;
	return fd;
}

/*
 * A component that is there, and leads nowhere: a dangling symlink, whose target is to be made.
 * Where it points takes its place in the path, and the walk begins anew. NULL: it is no link.
 */
static const char *walk_follow(
	struct walk *w, int parent, const char *name, const char *rest, int links)
{
	char link[PATH_BYTES], *path = w->led[links % 2];
	struct text t = { path, 0, PATH_BYTES };
	long n = sys(readlinkat, parent, name, link, sizeof(link) - 1);

	if (n < 0)
		return NULL;
	link[n] = '\0';
	if (link[0] != '/')
		text_add(&t, w->done);
	text_add(&t, "/");
	text_add(&t, link);
	text_add(&t, "/");
	text_add(&t, rest);
	return path;
}

/*
 * Follows `path` as far as it exists, resolved by the kernel prefix by prefix, and makes the rest.
 * Called only when the whole of it is missing. With RESOLVE_NO_SYMLINKS no link is followed by us
 * either, not even one that somebody puts there after the kernel looked.
 */
static int make_path(const struct child *c, const char *path, uint64_t resolve, bool file)
{
	static struct walk w; /* there is one thread, and one at a time */
	char name[256];

	for (int links = 0; links <= LINKS_MAX; links++) {
		int fd = walk_begin(c, &w, path, resolve);
		const char *rest = w.rest, *led = NULL;
		/* The whole is, and its directory is not: without links, it is the last component. */
		bool missing = resolve && w.at.len;
		while (fd >= 0 && !led && next_component(&rest, name)) {
			int next = -ENOENT;
			text_add(&w.at, "/");
			text_add(&w.at, name);
			if (w.at.len + 2 >= w.at.room)
				next = -ENAMETOOLONG;
			else if (!missing)
				next = target_find(c, w.done, 0, resolve);
			if (next != -ENOENT) {
				sys(close, fd);
				fd = next;
				continue;
			}
			w.at.len -= strlen(name) + 1;
			w.done[w.at.len] = '\0';
			if (!missing && !resolve)
				led = walk_follow(&w, fd, name, rest, links);
			if (led) {
				sys(close, fd);
				continue;
			}
			missing = true;
			fd = make_component(fd, name, file && !*rest);
		}
		if (!led)
			return fd;
		path = led;
	}
	return -ELOOP;
}

/*
 * Only a whole new procfs may cover one, and these files (the list of runc): else masks and labels
 * could be written to something else than they say (CVE-2019-19921).
 */
static bool may_cover_proc(const char *path)
{
	static const char *const files[] = { "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo",
		"/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg", "/proc/slabinfo",
		"/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (text_equal(path, files[i]))
			return true;
	return false;
}

/* Where a symlink leads to is seen here only; a path without one was judged as text. */
static void check_not_in_proc(struct child *c, const char *what, const char *path, int fd)
{
	struct statfs fs;
	long r = sys(fstatfs, fd, &fs);

	if (r < 0)
		child_fail(c, (int)r, "%s: look at the file system of '%s'", what, path);
	if (fs.f_type == PROC_SUPER_MAGIC && !may_cover_proc(path))
		child_refuse(c, EPERM, "%s: mount on '%s': it is inside /proc", what, path);
}

/* A file's mount point is anything but a directory; the kernel saw to the other case. */
static void check_file(struct child *c, const char *what, const char *path, int fd)
{
	struct statx st;
	long r = sys(statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &st);

	if (r < 0)
		child_fail(c, (int)r, "%s: look at '%s'", what, path);
	if ((st.stx_mode & S_IFMT) == S_IFDIR)
		child_refuse(c, EISDIR,
			"%s: the source is a file, and '%s' in the container is a directory", what,
			path);
}

static _Noreturn void fail_open(
	struct child *c, const char *what, const char *path, uint32_t flags, int code)
{
	struct statx st;
	int fd;

	if (code == -ELOOP && flags & TARGET_ORDINARY)
		child_refuse(c, ELOOP,
			"%s: '%s' is, or lies behind, a symlink: must be mounted on ordinary directory",
			what, path);
	/* The thing itself, or something on the way to it? */
	if (code == -ENOTDIR && (fd = target_find(c, path, 0, 0)) >= 0 &&
		sys(statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &st) == 0) {
		if (flags & TARGET_ORDINARY)
			child_refuse(c, ENOTDIR,
				"%s: '%s' is a file: must be mounted on ordinary directory", what,
				path);
		child_refuse(c, ENOTDIR,
			"%s: the source is a directory, and '%s' in the container is a file", what,
			path);
	}
	child_fail(c, code, "%s: open the mount point '%s'", what, path);
}

int target_open(struct child *c, const char *what, const char *path, uint32_t flags, bool *ret_made)
{
	bool file = flags & TARGET_FILE;
	uint64_t resolve = RESOLVE_NO_SYMLINKS;
	int fd = target_find(c, path, file ? 0 : O_DIRECTORY, resolve);

	if (fd == -ELOOP && !(flags & TARGET_ORDINARY)) {
		resolve = 0;
		fd = target_find(c, path, file ? 0 : O_DIRECTORY, resolve);
	}
	if (fd == -ENOENT) {
		fd = make_path(c, path, resolve, file);
		if (ret_made)
			*ret_made = fd >= 0;
	}
	if (fd < 0)
		fail_open(c, what, path, flags, fd);
	if (!resolve)
		check_not_in_proc(c, what, path, fd);
	if (file)
		check_file(c, what, path, fd);
	return fd;
}

void target_attach(struct child *c, const char *what, int tree, int target, const char *path)
{
	long r = sys(move_mount, tree, "", target, "",
		MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);

	if (r == -EINVAL && c->plan->flags & PLAN_CHROOT)
		child_refuse(c, ENOTSUP,
			"%s: attach to '%s': without a mount namespace of the container's own, this needs Linux 6.15",
			what, path);
	if (r < 0)
		child_fail(c, (int)r, "%s: attach to '%s'", what, path);
}
