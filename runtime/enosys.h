/*
 * System calls that are newer than a profile.
 *
 * A program asks for a new system call first and falls back to an older one on ENOSYS. A profile
 * whose default is EPERM, written before the call existed, breaks that (glibc and clone3,
 * faccessat2). So what lies above the highest number that a profile names answers ENOSYS, as with
 * runc: a few instructions in front of the filter.
 */
#ifndef RUNTIME_ENOSYS_H
#define RUNTIME_ENOSYS_H

#include <stddef.h>
#include <stdint.h>

struct sock_filter;

/* An architecture as the kernel tells it to a filter (AUDIT_ARCH_*), and the highest numbers. */
struct enosys_arch {
	uint32_t audit_arch;
	uint32_t highest;     /* UINT32_MAX: leave them to the filter */
	uint32_t highest_x32; /* of x86-64's second table, numbers with bit 30 set */
};

enum { ENOSYS_LENGTH = 7 }; /* instructions for an architecture, and one more for all */

/* Writes 1 + n * ENOSYS_LENGTH instructions; behind them begins the filter. */
void enosys_write(const struct enosys_arch *archs, size_t n, struct sock_filter *out);

#endif
