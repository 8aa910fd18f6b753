/* Stands between an older guest kernel and ptrace(2), preloaded into it by tests/vm/cage.
 *
 * User-Mode Linux of 6.1 and 6.12 keeps 2696 bytes of a process's vector registers, as much as
 * there was when it was written. Reading cuts the rest off, but the host takes back only the whole
 * of it (EFAULT), and on a CPU with AMX the whole is 11008 bytes: the guest dies before its first
 * process has run. So what is written is filled up here. The rest is tile registers, which no
 * process has without asking the host for them.
 *
 * Freestanding, since the C library in the guest kernel's root is not the one that this is built
 * with.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* The word at this byte says which parts are not in their initial state; the tile registers are
 * from bit 17 on. */
#define XSTATE_BV 512
#define XSTATE_KEPT ((UINT64_C(1) << 17) - 1)

static uint64_t full[8192]; /* the guest kernel has one thread that calls ptrace */

static long syscall_ptrace(long request, long pid, void *addr, void *data)
{
	register void *r10 __asm__("r10") = data;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"((long)SYS_ptrace), "D"(request), "S"(pid), "d"(addr), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

/* How many bytes the host wants; learned once, from any process that is being traced. */
static size_t full_size(long pid)
{
	static size_t size;
	struct iovec all = { full, sizeof(full) };

	if (!size && syscall_ptrace(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &all) == 0)
		size = all.iov_len;
	return size;
}

static long write_all(long pid, const struct iovec *part)
{
	size_t size = full_size(pid);

	if (size <= part->iov_len)
		return syscall_ptrace(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, (void *)part);
	for (size_t i = 0; i < size / 8; i++)
		full[i] = i < part->iov_len / 8 ? ((const uint64_t *)part->iov_base)[i] : 0;
	full[XSTATE_BV / 8] &= XSTATE_KEPT;
	return syscall_ptrace(
		PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, &(struct iovec){ full, size });
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list args;
	long word = 0, ret;

	va_start(args, request);
	long pid = va_arg(args, int);
	void *addr = va_arg(args, void *);
	void *data = va_arg(args, void *);
	va_end(args);

	/* The system call stores a peeked word where the library's function returns it. */
	int peeks = request >= PTRACE_PEEKTEXT && request <= PTRACE_PEEKUSER;
	if (peeks)
		data = &word;
	if (request == PTRACE_SETREGSET && addr == (void *)NT_X86_XSTATE)
		ret = write_all(pid, data);
	else
		ret = syscall_ptrace(request, pid, addr, data);
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	return peeks ? word : ret;
}
