/*
 * A procfs of our own: made by fsopen(), attached nowhere.
 *
 * Whatever is mounted over /proc or below it, in a container or here, is not in it; every write to
 * a file of /proc goes through one (CVE-2025-52881). In a user namespace, where none can be made, it
 * is the one at /proc, and none of the files that something is mounted on.
 */
#ifndef RUNTIME_PROCFS_H
#define RUNTIME_PROCFS_H

#include <sys/types.h>

#include "spec/spec.h"

/* An O_PATH fd of its root, the caller's; -errno. */
int procfs_open(struct err *e);

/* Writes one map, `file` being "uid_map" or "gid_map", of a process that has none yet. */
int procfs_write_map(
	int proc, pid_t pid, const char *file, const struct id_map *maps, size_t n, struct err *e);

/* Writes uid_map and gid_map of a process that waits for them. */
int procfs_write_maps(pid_t pid, const struct linux_spec *maps, struct err *e);

#endif
