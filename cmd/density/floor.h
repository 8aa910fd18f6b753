/*
 * A container without a runtime: the namespaces, the root and the program, by the bare system calls.
 * It is what others are measured against, and confines nothing.
 */
#ifndef CMD_DENSITY_FLOOR_H
#define CMD_DENSITY_FLOOR_H

#include <sys/types.h>

#include "spec/base/err.h"

/*
 * Starts `words` in new pid, mount, uts, ipc, network and cgroup namespaces, on `rootfs` (a directory of
 * our mount namespace) with a /proc, as nobody's child. `prepare` as in struct errands.
 */
int floor_start(const char *rootfs, const char *const *words, int (*prepare)(void *context),
	void *context, pid_t *ret_pid, struct err *e);

#endif
