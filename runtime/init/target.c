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

#define PATH_BYTES 4096

int target_find(const struct child *c, const char *path, uint64_t resolve)
{
	return sys_openat2_path(c->root, path, O_PATH | O_CLOEXEC,
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
	return n > 0;
}

/* One missing component, below the fd of its parent, which is closed. -errno. */
static int make_component(int parent, const char *name, bool file)
{
	long fd;

	if (text_equal(name, ".."))
		fd = -EINVAL;
	else if (file) {
		fd = sys(openat, parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC,
			0644);
		if (fd >= 0) {
			sys(close, fd);
			fd = sys(openat, parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		}
	} else {
		fd = sys(mkdirat, parent, name, 0755);
		if (fd >= 0)
			fd = sys(openat, parent, name,
				O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	}
	sys(close, parent);
	return (int)fd;
}

/*
 * Follows `path` as far as it exists, resolved by the kernel prefix by prefix, and makes the rest.
 * Called only when the whole of it is missing, so it may take its time.
 */
static int make_path(const struct child *c, const char *path, uint64_t resolve, bool file)
{
	char prefix[PATH_BYTES], name[256];
	struct text t = TEXT_IN(prefix);
	bool missing = false;
	int fd = target_find(c, "/", resolve);

	while (fd >= 0 && next_component(&path, name)) {
		const char *rest = path;
		while (*rest == '/')
			rest++;
		if (missing) {
			fd = make_component(fd, name, file && !*rest);
			continue;
		}
		text_add(&t, "/");
		text_add(&t, name);
		if (t.len + 2 >= t.room) {
			sys(close, fd);
			return -ENAMETOOLONG;
		}
		int next = target_find(c, prefix, resolve);
		if (next == -ENOENT) {
			missing = true;
			fd = make_component(fd, name, file && !*rest);
		} else {
			sys(close, fd);
			fd = next;
		}
	}
	return fd;
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

int target_open(struct child *c, const char *what, const char *path, uint32_t flags)
{
	uint64_t resolve = flags & TARGET_ORDINARY ? RESOLVE_NO_SYMLINKS : 0;
	int fd = target_find(c, path, resolve);
	struct statx st;
	struct statfs fs;

	if (fd == -ENOENT)
		fd = make_path(c, path, resolve, flags & TARGET_FILE);
	if (fd == -ELOOP && resolve)
		child_refuse(c, ELOOP,
			"%s: mount on '%s': it must be an ordinary directory, and is or lies behind a symlink",
			what, path);
	if (fd < 0)
		child_fail(c, fd, "%s: open the mount point '%s'", what, path);
	long r = sys(statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &st);
	if (r < 0)
		child_fail(c, (int)r, "%s: look at '%s'", what, path);
	bool is_dir = (st.stx_mode & S_IFMT) == S_IFDIR;
	if (is_dir != !(flags & TARGET_FILE))
		child_refuse(c, ENOTDIR, "%s: the source is a %s and '%s' in the container is %s",
			what, is_dir ? "file" : "directory", path, is_dir ? "a directory" : "none");
	r = sys(fstatfs, fd, &fs);
	if (r == 0 && fs.f_type == PROC_SUPER_MAGIC && !(flags & TARGET_ORDINARY) &&
		!may_cover_proc(path))
		child_refuse(c, EPERM, "%s: mount on '%s': it is inside /proc", what, path);
	return fd;
}

void target_attach(struct child *c, const char *what, int tree, int target, const char *path)
{
	long r = sys(move_mount, tree, "", target, "",
		MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);

	if (r < 0)
		child_fail(c, (int)r, "%s: attach to '%s'", what, path);
}
