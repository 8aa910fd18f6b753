/* The kernel's seccomp programs, run on one system call: what the filters of the tests answer. */
#ifndef TESTS_UNIT_BPF_H
#define TESTS_UNIT_BPF_H

#include <check.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct bpf_state {
	uint32_t a, x, m[BPF_MEMWORDS];
};

/* What neither jumps nor returns. False: no filter may hold it. */
static inline bool bpf_step(
	struct bpf_state *s, const struct sock_filter *i, const struct seccomp_data *data)
{
	uint32_t with = BPF_SRC(i->code) == BPF_X ? s->x : i->k;

	switch (i->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		if (i->k > sizeof(*data) - 4)
			return false;
		memcpy(&s->a, (const char *)data + i->k, 4);
		return true;
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
		*(BPF_CLASS(i->code) == BPF_LD ? &s->a : &s->x) = sizeof(*data);
		return true;
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
		*(BPF_CLASS(i->code) == BPF_LD ? &s->a : &s->x) = i->k;
		return true;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
		*(BPF_CLASS(i->code) == BPF_LD ? &s->a : &s->x) = s->m[i->k];
		return true;
	case BPF_ST:
	case BPF_STX:
		s->m[i->k] = i->code == BPF_ST ? s->a : s->x;
		return true;
	case BPF_MISC | BPF_TAX:
		s->x = s->a;
		return true;
	case BPF_MISC | BPF_TXA:
		s->a = s->x;
		return true;
	case BPF_ALU | BPF_NEG:
		s->a = -s->a;
		return true;
	case BPF_ALU | BPF_ADD | BPF_K:
	case BPF_ALU | BPF_ADD | BPF_X:
		s->a += with;
		return true;
	case BPF_ALU | BPF_AND | BPF_K:
	case BPF_ALU | BPF_AND | BPF_X:
		s->a &= with;
		return true;
	case BPF_ALU | BPF_XOR | BPF_K:
	case BPF_ALU | BPF_XOR | BPF_X:
		s->a ^= with;
		return true;
	case BPF_ALU | BPF_RSH | BPF_K:
		s->a >>= with & 31;
		return true;
	default:
		return false;
	}
}

/* The word that the program returns (SECCOMP_RET_*). Fails the test on what no filter may hold. */
static inline uint32_t bpf_run(
	const struct sock_filter *code, uint32_t n, const struct seccomp_data *data)
{
	struct bpf_state s = { 0 };

	for (uint32_t at = 0; at < n; at++) {
		const struct sock_filter *i = &code[at];
		uint32_t with = BPF_SRC(i->code) == BPF_X ? s.x : i->k;
		if (BPF_CLASS(i->code) == BPF_RET)
			return BPF_RVAL(i->code) == BPF_A ? s.a : i->k;
		if (i->code == (BPF_JMP | BPF_JA))
			at += i->k;
		else if (BPF_CLASS(i->code) != BPF_JMP) {
			if (!bpf_step(&s, i, data))
				ck_abort_msg("instruction %u: code %#x, %#x", at, i->code, i->k);
		} else if (BPF_OP(i->code) == BPF_JEQ)
			at += s.a == with ? i->jt : i->jf;
		else if (BPF_OP(i->code) == BPF_JGT)
			at += s.a > with ? i->jt : i->jf;
		else if (BPF_OP(i->code) == BPF_JGE)
			at += s.a >= with ? i->jt : i->jf;
		else if (BPF_OP(i->code) == BPF_JSET)
			at += s.a & with ? i->jt : i->jf;
		else
			ck_abort_msg("instruction %u: code %#x", at, i->code);
	}
	ck_abort_msg("no answer");
}

#endif
