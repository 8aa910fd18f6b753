/*
 * The cgroup v1 hierarchies of this host, through libcgroup: for `cow doctor`, and to read what
 * groups made by others use.
 *
 * Not for the start of a container: libcgroup's start-up reads every mount (0.5 ms), and it has no
 * word for a hybrid host's v2 mount. Our own groups go by hierarchy.h and their directory fds.
 */
#ifndef CGROUP_FOREIGN_H
#define CGROUP_FOREIGN_H

#include <stddef.h>
#include <stdint.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

struct foreign_hierarchy {
	char *path;	   /* where it is mounted */
	char *controllers; /* "cpu,cpuacct"; a hierarchy without any: "name=systemd" */
};

struct foreign {
	struct foreign_hierarchy *v;
	size_t n;
};

/* The v1 hierarchies, in the order of their mounts; none is no error. foreign_done() ends it. */
int foreign_list(struct foreign *ret, struct err *e);
void foreign_done(struct foreign *f);
DEFINE_AUTO(foreign, foreign_done)

/* memory.usage_in_bytes of a v1 group ("/" or "/docker/x", below its hierarchy's mount). */
int foreign_memory(const char *group, uint64_t *ret_bytes, struct err *e);

#endif
