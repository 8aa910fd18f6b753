/* The few system calls and constants that glibc 2.36 and Debian 12's headers lack. */
#ifndef SPEC_BASE_SYS_H
#define SPEC_BASE_SYS_H

#include <linux/openat2.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* 6.3 */
#endif

static inline int sys_openat2(int dirfd, const char *path, struct open_how *how)
{
	return (int)syscall(SYS_openat2, dirfd, path, how, sizeof(*how));
}

static inline pid_t sys_clone3(struct clone_args *args)
{
	return (pid_t)syscall(SYS_clone3, args, sizeof(*args));
}

/* Of a file's pages, in pages (6.5). */
struct sys_cache_counts {
	uint64_t in_memory, dirty, writeback, evicted, recently_evicted;
};

/* `length` 0: to its end. */
static inline int sys_cachestat(
	int fd, uint64_t offset, uint64_t length, struct sys_cache_counts *ret)
{
	const uint64_t range[2] = { offset, length };

	return (int)syscall(451, fd, range, ret, 0U);
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)syscall(SYS_pivot_root, new_root, put_old);
}

#endif
