/*
 * linux.netDevices: network devices of ours that a container gets, with their addresses.
 *
 * A device is in one network namespace at a time, so the host no longer has it. When the container's
 * network namespace ends, the kernel gives physical devices back to the host and ends virtual ones.
 */
#ifndef RUNTIME_NET_DEVICES_H
#define RUNTIME_NET_DEVICES_H

#include <sys/types.h>

#include "spec/spec.h"

/*
 * Into the network namespace of `pid`, which waits: renamed, with their permanent addresses of global
 * scope, and up. That all are there, and their names free, is seen before the first is moved.
 */
int net_devices_move(const struct linux_spec *l, pid_t pid, struct err *e);

#endif
