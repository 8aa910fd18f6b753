/*
 * Raw system calls: the child has no libc under it. Each returns what the kernel does, -errno on
 * failure. Constants and structs come from the kernel's own headers and from headers of libc that
 * declare but need no code.
 */
#ifndef RUNTIME_INIT_SYS_H
#define RUNTIME_INIT_SYS_H

#include <asm/unistd.h>
#include <errno.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#error "cowrun runs on x86-64 and arm64"
#endif

#define SYS_CALL(n, a, b, c, d, e, f, ...)                                                         \
	sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* sys(openat, dirfd, name, flags): any system call by its name, absent arguments are 0. */
#define sys(name, ...) SYS_CALL(__NR_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)

static inline int sys_openat2_path(int dirfd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)flags, .resolve = resolve };
	long r = -EAGAIN;

	/* EAGAIN: a rename raced with "..", and the kernel asks to try again. */
	for (int tries = 0; r == -EAGAIN && tries < 128; tries++)
		r = sys(openat2, dirfd, path, &how, sizeof(how));
	return (int)r;
}

#endif
