/* bpf(2), which has no wrapper in libc. */
#ifndef CGROUP_BPF_H
#define CGROUP_BPF_H

#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

/* -errno. The parts of `a` that a command does not use must be zero. */
static inline int bpf_call(enum bpf_cmd command, union bpf_attr *a)
{
	long r = syscall(SYS_bpf, command, a, sizeof(*a));

	return r < 0 ? -errno : (int)r;
}

#endif
