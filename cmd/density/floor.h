/*
 * A container without a runtime: the namespaces, the root and the program, by the bare system calls.
 * It is what others are measured against, and confines nothing.
 */
#ifndef CMD_DENSITY_FLOOR_H
#define CMD_DENSITY_FLOOR_H

#include <sys/types.h>

#include "spec/base/err.h"

/* One that is on its way. */
struct floor_birth {
	pid_t middle; /* our child, whose child it is; 0: none */
	int told;     /* readable when it runs, or has failed */
};

/*
 * Begins `words` in new pid, mount, uts, ipc, network and cgroup namespaces, on `rootfs` (a directory of
 * our mount namespace) with a /proc, as nobody's child.
 */
int floor_begin(
	const char *rootfs, const char *const *words, struct floor_birth *ret, struct err *e);
/* The end of that in any case: its process, or why there is none. */
int floor_hear(struct floor_birth *b, pid_t *ret_pid, struct err *e);

#endif
