/*
 * Files by (directory fd, name): nothing here takes a path that it does not resolve itself.
 *
 * Names below a root that somebody else may own are opened with fd_open_in_root(): the kernel
 * resolves every component, symlinks included, as if that directory were "/" (openat2, 5.6).
 */
#ifndef SPEC_BASE_FD_H
#define SPEC_BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec/base/err.h"

/*
 * A regular file whole, with a '\0' behind it; the caller frees. -EFBIG above `limit` bytes,
 * -EINVAL when it is no regular file (a FIFO or device would hang or never end).
 */
int fd_read_file(
	int dirfd, const char *name, size_t limit, char **ret_data, size_t *ret_len, struct err *e);

/* The same of whatever the caller himself names, and waits for: a pipe, a FIFO, a terminal. */
int fd_read_stream(const char *path, size_t limit, char **ret_data, size_t *ret_len, struct err *e);

/* All bytes or an error (-errno); restarts after signals and short writes. */
int fd_write_all(int fd, const void *data, size_t n);

/* Up to n bytes until end of file: the count, or -errno. */
ssize_t fd_read_full(int fd, void *data, size_t n);

/* Writes a temporary file beside `name` and renames it into place: readers see old or new, whole.
 */
int fd_replace_file(
	int dirfd, const char *name, const void *data, size_t n, mode_t mode, struct err *e);

/* The fd or -errno. Magic links (/proc/PID/fd and the like) are refused. */
int fd_open_in_root(int root, const char *path, int flags);

/* The fd or -errno; no component may be a symlink or leave `dir` or its mount. */
int fd_open_beneath(int dir, const char *path, int flags);

/*
 * The same for reading a regular file: -ELOOP for a symlink, -EINVAL for what else
 * is none; neither a FIFO nor a device is ever opened, whoever puts it there meanwhile.
 */
int fd_open_regular(int dir, const char *path);

/*
 * Removes `name` below `dirfd` and all that it holds, by directory fds, never through a symlink and
 * never across a mount (-EXDEV, and the rest stays). A name that is not there is no error.
 */
int fd_remove_tree(int dirfd, const char *name, struct err *e);

/*
 * Whether `fd` is still what `name` means in that directory: who waited for the lock of a file finds
 * that its last holder may have moved or removed it.
 */
bool fd_is_named(int fd, int dir, const char *name);

#endif
