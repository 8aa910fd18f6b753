/*
 * What of a container's file systems is made before its first process asks for it: by us, while that one makes its
 * namespaces, and on another processor. It attaches then what else it would make (0.1 ms of a start).
 *
 * That goes for what belongs to no namespace but the user namespace, and so for containers that have none of their
 * own. Whatever cannot be made is left to the child, who tries it once more and says what is wrong.
 *
 * Their inodes are charged to our memory cgroup, not to the container's: 16 KiB with a usual /dev (6.12, memory.current).
 */
#ifndef RUNTIME_PREPARED_H
#define RUNTIME_PREPARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a file system of that type is one that we can make. */
bool prepared_can(const char *type);

/* A new one as a detached tree, the caller's; `words`: "key=value" or "flag"; `attr`: MOUNT_ATTR_*. -1: it cannot be. */
int prepared_make(
	const char *type, const char *source, const char *const *words, size_t n, uint64_t attr);

struct prepared_device {
	const char *name; /* in /dev */
	unsigned mode, major, minor;
};

/* These in a new /dev, and the usual links, with a umask of 0. False: not all of them are there. */
bool prepared_dev(int dev, const struct prepared_device *devices, size_t n);

#endif
