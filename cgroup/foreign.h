/*
 * The cgroup v1 hierarchies of this host, through libcgroup: for `cow doctor`, and to read what
 * groups made by others use.
 *
 * Not for the start of a container: libcgroup's start-up reads every mount (0.5 ms), and it works
 * by path strings. Our own groups go by hierarchy.h and their directory fds. Its header has a
 * `struct cgroup` and a `struct cgroup_stat` of its own: only foreign.c may see it.
 */
#ifndef CGROUP_FOREIGN_H
#define CGROUP_FOREIGN_H

#include <stddef.h>
#include <stdint.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

struct foreign_hierarchy {
	char *path;	   /* where it is mounted */
	char *controllers; /* "cpu,cpuacct" */
};

struct foreign {
	struct foreign_hierarchy *v;
	size_t n;
};

/*
 * The v1 hierarchies with controllers (libcgroup does not list "name=systemd"); none is no error.
 * foreign_done() ends it. -EIO where libcgroup cannot make sense of the mounts, as with cgroup2
 * mounted over v1 hierarchies.
 */
int foreign_list(struct foreign *ret, struct err *e);
void foreign_done(struct foreign *f);
DEFINE_AUTO(foreign, foreign_done)

/* memory.usage_in_bytes of a v1 group ("/" or "/docker/x", below its hierarchy's mount). */
int foreign_memory(const char *group, uint64_t *ret_bytes, struct err *e);

#endif
