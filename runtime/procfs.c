/* A procfs of our own. */
#include "runtime/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "spec/base/fd.h"
#include "spec/base/own.h"
#include "spec/base/str.h"

#define PROC_ROOT 1 /* PROC_ROOT_INO of linux/proc_fs.h */

/*
 * Root of a user namespace may make none of the host's processes. What is mounted at /proc serves,
 * if that is the root of a procfs: what lies on top of its files is not followed (RESOLVE_NO_XDEV,
 * fd_open_beneath()). -1 without.
 */
static int take_hosts(void)
{
	int saved = errno;
	autofd int fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;
	struct stat st;
	bool is_root = fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
		       fstat(fd, &st) == 0 && st.st_ino == PROC_ROOT;

	errno = saved;
	return is_root ? take_fd(&fd) : -1;
}

int procfs_open(struct err *e)
{
	autofd int fs = fsopen("proc", FSOPEN_CLOEXEC);
	int fd = -1;

	if (fs >= 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = fsmount(fs, FSMOUNT_CLOEXEC,
			MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (fd < 0 && (errno == EPERM || errno == EACCES))
		fd = take_hosts(); /* errno stays that of the first attempt */
	return fd < 0 ? err_set(e, errno, "make a private procfs") : fd;
}

int procfs_write_map(
	int proc, pid_t pid, const char *file, const struct id_map *maps, size_t n, struct err *e)
{
	automatic(str) struct str text = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
	for (size_t i = 0; i < n; i++)
		str_addf(&text, "%u %u %u\n", maps[i].inside, maps[i].outside, maps[i].size);
	autofd int fd = fd_open_beneath(proc, path, O_WRONLY);
	if (fd < 0)
		return err_set(e, -fd, "open the %s of process %d", file, (int)pid);
	/* One write(): the kernel takes the whole map at once or not at all (user_namespaces(7)).
	 */
	if (!str_ok(&text))
		return err_set(
			e, n ? ENOMEM : EINVAL, "write the %s of process %d", file, (int)pid);
	if (write(fd, text.data, text.len) < 0)
		return err_set(e, errno, "write the %s of process %d", file, (int)pid);
	return 0;
}

int procfs_write_maps(pid_t pid, const struct linux_spec *maps, struct err *e)
{
	autofd int proc = procfs_open(e);

	if (proc < 0)
		return proc;
	int r = procfs_write_map(proc, pid, "uid_map", maps->uid_maps, maps->n_uid_maps, e);
	return r < 0 ? r
		     : procfs_write_map(proc, pid, "gid_map", maps->gid_maps, maps->n_gid_maps, e);
}
