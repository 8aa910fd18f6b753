/*
 * memory.events and cgroup.events as fds to wait on.
 *
 * poll() for POLLPRI (epoll: EPOLLPRI): the fd is ready when the file changed since it was last
 * read through this fd, so read after opening and after each wake-up. When the group is removed the
 * fd becomes ready, and reading it gives -ENODEV.
 */
#ifndef CGROUP_WATCH_H
#define CGROUP_WATCH_H

#include <stdint.h>

#include "spec/base/err.h"

/* The caller closes it. */
int watch_open(int cgroup, const char *file, int *ret_fd, struct err *e);

/* The value of `key` now ("populated", "oom_kill"): 0 or -errno. */
int watch_value(int fd, const char *key, uint64_t *ret);

/* Waits until `key` is `value`: 0, -ETIMEDOUT, or -errno. timeout_ms -1: for ever. */
int watch_until(int fd, const char *key, uint64_t value, int timeout_ms);

#endif
