/*
 * The groups that we live in, and those who started us: from each process's own up to below the
 * root. Who waits for them must not freeze them.
 */
#ifndef CGROUP_KIN_H
#define CGROUP_KIN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

struct kin_group {
	dev_t dev;
	ino_t ino;
};

struct kin {
	struct kin_group *v;
	size_t n, room;
};

/* `root`: the v2 hierarchy's, as /proc names groups. Ancestors that we cannot see are left out. */
int kin_find(int root, struct kin *ret, struct err *e);
bool kin_has(const struct kin *k, dev_t dev, ino_t ino);
void kin_done(struct kin *k);
DEFINE_AUTO(kin, kin_done)

#endif
