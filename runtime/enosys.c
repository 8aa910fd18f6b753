/* System calls that are newer than a profile. */
#include "runtime/enosys.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#define X32_BIT 0x40000000u

/*
 * One section, of a fixed length so that jumps are counted and not patched:
 *
 *	0	another architecture? to the next section
 *	1	load the number
 *	2	of x32? to 4
 *	3	above the highest? to 6, else to 5
 *	4	above the highest of x32? to 6
 *	5	to the filter
 *	6	ENOSYS
 */
static void write_section(
	const struct enosys_arch *a, size_t sections_behind, struct sock_filter *out)
{
	const struct sock_filter section[ENOSYS_LENGTH] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a->audit_arch, 0, ENOSYS_LENGTH - 1),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, a->highest, 2, 1),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, a->highest_x32, 1, 0),
		BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)(1 + sections_behind * ENOSYS_LENGTH)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};

	memcpy(out, section, sizeof(section));
}

void enosys_write(const struct enosys_arch *archs, size_t n, struct sock_filter *out)
{
	*out++ = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < n; i++)
		write_section(&archs[i], n - 1 - i, out + i * ENOSYS_LENGTH);
}
