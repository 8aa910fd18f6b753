/*
 * linux.seccomp: which system calls a container's programs may make.
 *
 * config.json keeps the section as text (struct linux_spec), because a filter that was compiled of
 * the same text before is taken from the cache (runtime/filter.h) and needs no values. seccomp_read()
 * makes values of it, and judges them: what comes out can be compiled.
 */
#ifndef SPEC_SECCOMP_H
#define SPEC_SECCOMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/json.h"
#include "spec/base/opt.h"

enum seccomp_action {
	SECCOMP_KILL = 1, /* the thread, as KILL_THREAD */
	SECCOMP_KILL_PROCESS,
	SECCOMP_KILL_THREAD,
	SECCOMP_TRAP,
	SECCOMP_ERRNO,
	SECCOMP_TRACE,
	SECCOMP_ALLOW,
	SECCOMP_LOG,
	SECCOMP_NOTIFY,
};

enum seccomp_operator {
	SECCOMP_NE = 1,
	SECCOMP_LT,
	SECCOMP_LE,
	SECCOMP_EQ,
	SECCOMP_GE,
	SECCOMP_GT,
	SECCOMP_MASKED_EQ, /* argument & value == value_two */
};

enum seccomp_arch {
	SECCOMP_X86 = 1,
	SECCOMP_X86_64,
	SECCOMP_X32,
	SECCOMP_ARM,
	SECCOMP_AARCH64,
	SECCOMP_MIPS,
	SECCOMP_MIPS64,
	SECCOMP_MIPS64N32,
	SECCOMP_MIPSEL,
	SECCOMP_MIPSEL64,
	SECCOMP_MIPSEL64N32,
	SECCOMP_PPC,
	SECCOMP_PPC64,
	SECCOMP_PPC64LE,
	SECCOMP_S390,
	SECCOMP_S390X,
	SECCOMP_PARISC,
	SECCOMP_PARISC64,
	SECCOMP_RISCV64,
	SECCOMP_LOONGARCH64,
	SECCOMP_M68K,
	SECCOMP_SH,
	SECCOMP_SHEB,
};

enum seccomp_flag {
	SECCOMP_TSYNC =
		1, /* nothing to do: there is one thread, and it executes its program next */
	SECCOMP_FLAG_LOG,
	SECCOMP_SPEC_ALLOW,
	SECCOMP_WAIT_KILLABLE,
};

/* The words of config.json for them, and all that are known: `features` prints these. */
extern const struct enum_name seccomp_actions[], seccomp_operators[], seccomp_archs[],
	seccomp_flags[];

struct seccomp_arg {
	uint32_t index; /* 0 to 5 */
	int op;		/* enum seccomp_operator */
	uint64_t value, value_two;
};

struct seccomp_rule {
	char **names; /* of system calls; ones that nobody knows are passed over */
	size_t n_names;
	int action;
	struct opt_u64 errno_ret;
	struct seccomp_arg *args; /* all must hold; where two have one index, any (as in runc) */
	size_t n_args;
};

struct seccomp_spec {
	int default_action; /* 0: no filter is asked for */
	struct opt_u64 default_errno;
	int *archs; /* besides the native one */
	size_t n_archs;
	int *flags; /* NULL: not given, which is not the same as none */
	size_t n_flags;
	char *listener_path, *listener_metadata;
	struct seccomp_rule *rules;
	size_t n_rules;
};

extern const struct field seccomp_fields[], seccomp_arg_fields[];

/* -EINVAL with the place ("linux.seccomp.syscalls[3].action: ..."). Ends with seccomp_done(). */
int seccomp_read(const struct json_text *text, struct seccomp_spec *ret, struct err *e);
void seccomp_done(struct seccomp_spec *s);
DEFINE_AUTO(seccomp_spec, seccomp_done)

/* Whether an agent is asked about some system call: there is a rule with SCMP_ACT_NOTIFY. */
bool seccomp_notifies(const struct seccomp_spec *s);

#endif
