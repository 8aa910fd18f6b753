/*
 * linux.resources.devices as a program that the kernel asks at every open() and mknod() of a device
 * by a process of the group (BPF_PROG_TYPE_CGROUP_DEVICE).
 *
 * Each letter of an access ("r", "w", "m") is judged by the last rule that matches the device and
 * names the letter; without one it is denied. An access is allowed when all its letters are. Behind
 * the document's rules come those that every OCI runtime adds and callers build on: mknod of
 * anything, the devices of every /dev, pseudo-terminals, /dev/net/tun. A document without rules
 * asks for nothing and gets no program, and neither does one whose rules allow everything.
 */
#ifndef CGROUP_DEVICES_H
#define CGROUP_DEVICES_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/err.h"
#include "spec/base/own.h"
#include "spec/resources.h"

struct bpf_insn;

struct device_program {
	struct bpf_insn *v;
	size_t n; /* 0: everything is allowed */
};

/* Pure: the rules, which must have passed validation, compiled. -ENOMEM. */
int device_program_make(const struct resources *r, struct device_program *ret, struct err *e);
void device_program_done(struct device_program *p);
DEFINE_AUTO(device_program, device_program_done)

/*
 * Lets the rules hold in the group, beside what holds in those above it. `fresh`: the group was just
 * made, so that it has no program of ours yet; else that one is replaced, at one instant. Costs
 * nothing where there are no rules and the group is fresh. `kept`: a directory where the program is kept,
 * so that groups with the same rules share it (kept_program.h); -1: each has its own. -EPERM, -EINVAL: this kernel, or what
 * we run in, does not let us.
 */
int devices_apply(int cgroup, const struct resources *r, bool fresh, int kept, struct err *e);

#endif
