/* A procfs of our own. */
#include "runtime/procfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "spec/base/fd.h"
#include "spec/base/own.h"
#include "spec/base/str.h"

int procfs_open(struct err *e)
{
	autofd int fs = fsopen("proc", FSOPEN_CLOEXEC);
	int fd = -1;

	if (fs >= 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = fsmount(fs, FSMOUNT_CLOEXEC,
			MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
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
