/* The kernel's seccomp programs, run on one system call: what the filters of the tests answer. */
#ifndef TESTS_UNIT_BPF_H
#define TESTS_UNIT_BPF_H

#include <check.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>

/* The word that the program returns (SECCOMP_RET_*). Fails the test on what no filter may hold. */
static inline uint32_t bpf_run(
	const struct sock_filter *code, uint32_t n, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (uint32_t at = 0; at < n; at++) {
		const struct sock_filter *i = &code[at];
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k > sizeof(*data) - 4)
				ck_abort_msg("instruction %u: load at %u", at, i->k);
			memcpy(&a, (const char *)data + i->k, 4);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JA:
			at += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			at += a > i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			at += a & i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			ck_abort_msg("instruction %u: code %#x", at, i->code);
		}
	}
	ck_abort_msg("no answer");
}

#endif
