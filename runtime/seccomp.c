/*
 * From linux.seccomp to the kernel's instructions. The only file that knows libseccomp.
 *
 * Where the specification is silent, engines' profiles were written against runc, and its meaning
 * is taken: the native architecture is always in the filter; a rule whose action is the default
 * one says nothing; conditions on one argument are "or", on several "and"; without `flags` the
 * mitigation that costs most is left off (SPEC_ALLOW), with an empty list it is not; calls above
 * the highest that the profile names answer ENOSYS (enosys.h). One thing is stricter: a call of an
 * architecture that is not listed kills the process, not only its thread.
 */
#include "runtime/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/enosys.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"

#define TEXT(x) #x
#define VERSION_TEXT(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char seccomp_library[] = VERSION_TEXT(SCMP_VER_MAJOR, SCMP_VER_MINOR, SCMP_VER_MICRO);

enum {
	TREE_FROM =
		32, /* system calls: from here on a tree is shorter than a list (runc's bound) */
	ARCHS_MAX = 32,
};

/* By enum seccomp_arch: libseccomp's name, and what the kernel tells a filter. */
static const struct arch {
	const char *name;
	uint32_t audit_arch;
} archs[] = {
	[SECCOMP_X86] = { "x86", AUDIT_ARCH_I386 },
	[SECCOMP_X86_64] = { "x86_64", AUDIT_ARCH_X86_64 },
	[SECCOMP_X32] = { "x32", AUDIT_ARCH_X86_64 },
	[SECCOMP_ARM] = { "arm", AUDIT_ARCH_ARM },
	[SECCOMP_AARCH64] = { "aarch64", AUDIT_ARCH_AARCH64 },
	[SECCOMP_MIPS] = { "mips", AUDIT_ARCH_MIPS },
	[SECCOMP_MIPS64] = { "mips64", AUDIT_ARCH_MIPS64 },
	[SECCOMP_MIPS64N32] = { "mips64n32", AUDIT_ARCH_MIPS64N32 },
	[SECCOMP_MIPSEL] = { "mipsel", AUDIT_ARCH_MIPSEL },
	[SECCOMP_MIPSEL64] = { "mipsel64", AUDIT_ARCH_MIPSEL64 },
	[SECCOMP_MIPSEL64N32] = { "mipsel64n32", AUDIT_ARCH_MIPSEL64N32 },
	[SECCOMP_PPC] = { "ppc", AUDIT_ARCH_PPC },
	[SECCOMP_PPC64] = { "ppc64", AUDIT_ARCH_PPC64 },
	[SECCOMP_PPC64LE] = { "ppc64le", AUDIT_ARCH_PPC64LE },
	[SECCOMP_S390] = { "s390", AUDIT_ARCH_S390 },
	[SECCOMP_S390X] = { "s390x", AUDIT_ARCH_S390X },
	[SECCOMP_PARISC] = { "parisc", AUDIT_ARCH_PARISC },
	[SECCOMP_PARISC64] = { "parisc64", AUDIT_ARCH_PARISC64 },
	[SECCOMP_RISCV64] = { "riscv64", AUDIT_ARCH_RISCV64 },
	[SECCOMP_LOONGARCH64] = { "loongarch64", AUDIT_ARCH_LOONGARCH64 },
	[SECCOMP_M68K] = { "m68k", AUDIT_ARCH_M68K },
	[SECCOMP_SH] = { "sh", AUDIT_ARCH_SHEL },
	[SECCOMP_SHEB] = { "sheb", AUDIT_ARCH_SH },
};

#ifdef __x86_64__
#define NATIVE SECCOMP_X86_64
#else
#define NATIVE SECCOMP_AARCH64
#endif

/* A filter being made. */
struct compiler {
	const struct seccomp_spec *spec;
	scmp_filter_ctx filter;
	int archs[ARCHS_MAX]; /* enum seccomp_arch, the native one first */
	size_t n_archs;
};

/* Ends it, whatever it got to; a type for automatic(). */
static void compiler_done(struct compiler *c)
{
	if (c->filter)
		seccomp_release(c->filter);
	c->filter = NULL;
}
DEFINE_AUTO(compiler, compiler_done)

static uint32_t action_word(int action, const struct opt_u64 *number)
{
	uint32_t n = number->set ? (uint32_t)number->value : EPERM;

	switch ((enum seccomp_action)action) {
	case SECCOMP_KILL:
	case SECCOMP_KILL_THREAD:
		return SCMP_ACT_KILL_THREAD;
	case SECCOMP_KILL_PROCESS:
		return SCMP_ACT_KILL_PROCESS;
	case SECCOMP_TRAP:
		return SCMP_ACT_TRAP;
	case SECCOMP_ERRNO:
		return SCMP_ACT_ERRNO(n);
	case SECCOMP_TRACE:
		return SCMP_ACT_TRACE(n);
	case SECCOMP_ALLOW:
		return SCMP_ACT_ALLOW;
	case SECCOMP_LOG:
		return SCMP_ACT_LOG;
	case SECCOMP_NOTIFY:
		return SCMP_ACT_NOTIFY;
	}
	return SCMP_ACT_KILL_PROCESS;
}

static const enum scmp_compare operators[] = {
	[SECCOMP_NE] = SCMP_CMP_NE,
	[SECCOMP_LT] = SCMP_CMP_LT,
	[SECCOMP_LE] = SCMP_CMP_LE,
	[SECCOMP_EQ] = SCMP_CMP_EQ,
	[SECCOMP_GE] = SCMP_CMP_GE,
	[SECCOMP_GT] = SCMP_CMP_GT,
	[SECCOMP_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
};

static uint32_t token_of(int arch)
{
	return seccomp_arch_resolve_name(archs[arch].name);
}

static int add_archs(struct compiler *c, struct err *e)
{
	const struct seccomp_spec *s = c->spec;

	c->archs[c->n_archs++] = NATIVE;
	for (size_t i = 0; i < s->n_archs; i++) {
		const char *name = enum_name_of(seccomp_archs, s->archs[i]);
		uint32_t token = token_of(s->archs[i]);
		if (!token)
			return err_say(e, ENOTSUP,
				"linux.seccomp.architectures[%zu]: %s is not known to libseccomp %s",
				i, name, seccomp_library);
		int r = seccomp_arch_add(c->filter, token);
		if (r == -EEXIST)
			continue;
		if (r == -EDOM)
			return err_say(e, EINVAL,
				"linux.seccomp.architectures[%zu]: %s has not the byte order of this "
				"machine",
				i, name);
		if (r < 0 || c->n_archs == ARCHS_MAX)
			return err_set(e, r < 0 ? -r : E2BIG,
				"linux.seccomp.architectures[%zu]: add %s", i, name);
		c->archs[c->n_archs++] = s->archs[i];
	}
	return 0;
}

static struct scmp_arg_cmp condition(const struct seccomp_arg *a)
{
	return (struct scmp_arg_cmp){ .arg = a->index,
		.op = operators[a->op],
		.datum_a = a->value,
		.datum_b = a->value_two };
}

/* Whether two conditions are on one argument: then each of them alone is enough. */
static bool any_is_enough(const struct seccomp_rule *rule)
{
	unsigned seen = 0;

	for (size_t i = 0; i < rule->n_args; i++) {
		if (seen & 1u << rule->args[i].index)
			return true;
		seen |= 1u << rule->args[i].index;
	}
	return false;
}

/* One of its system calls. An arg's index is below 6 and each is there once, so six have room. */
static int add_call(
	struct compiler *c, const struct seccomp_rule *rule, uint32_t action, int number)
{
	struct scmp_arg_cmp all[6];
	int r = 0;

	if (!any_is_enough(rule)) {
		for (size_t i = 0; i < rule->n_args; i++)
			all[i] = condition(&rule->args[i]);
		r = seccomp_rule_add_array(c->filter, action, number, (unsigned)rule->n_args, all);
		return r == -EEXIST ? 0 : r;
	}
	for (size_t i = 0; r == 0 && i < rule->n_args; i++) {
		all[0] = condition(&rule->args[i]);
		r = seccomp_rule_add_array(c->filter, action, number, 1, all);
		r = r == -EEXIST ? 0 : r;
	}
	return r;
}

static int add_rules(struct compiler *c, struct err *e)
{
	const struct seccomp_spec *s = c->spec;
	uint32_t default_action = action_word(s->default_action, &s->default_errno);

	for (size_t i = 0; i < s->n_rules; i++) {
		const struct seccomp_rule *rule = &s->rules[i];
		uint32_t action = action_word(rule->action, &rule->errno_ret);
		for (size_t n = 0; action != default_action && n < rule->n_names; n++) {
			int number = seccomp_syscall_resolve_name(rule->names[n]);
			if (number == __NR_SCMP_ERROR) {
				log_debug("linux.seccomp.syscalls[%zu].names[%zu]: unknown system "
					  "call '%s', ignored",
					i, n, rule->names[n]);
				continue;
			}
			int r = add_call(c, rule, action, number);
			if (r < 0)
				return err_set(e, -r,
					"linux.seccomp.syscalls[%zu].names[%zu]: add a rule for '%s'",
					i, n, rule->names[n]);
		}
	}
	return 0;
}

static size_t count_calls(const struct seccomp_spec *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_rules; i++)
		n += s->rules[i].n_names;
	return n;
}

/* --- calls above the highest that is named -------------------------------------------------------
 */

/* Also by rules that say nothing new: whoever wrote them knew the call. */
static uint32_t highest_call(const struct seccomp_spec *s, int arch)
{
	int highest = 0;

	for (size_t i = 0; i < s->n_rules; i++)
		for (size_t n = 0; n < s->rules[i].n_names; n++) {
			int number = seccomp_syscall_resolve_name_arch(
				token_of(arch), s->rules[i].names[n]);
			highest = number > highest ? number : highest;
		}
	return highest ? (uint32_t)highest : UINT32_MAX;
}

/* A default that lets calls through, or says ENOSYS itself, needs no help. */
static bool wants_enosys(const struct seccomp_spec *s)
{
	return s->default_action != SECCOMP_ALLOW && s->default_action != SECCOMP_LOG &&
	       s->default_action != SECCOMP_TRACE &&
	       !(s->default_errno.set && s->default_errno.value == ENOSYS);
}

static size_t find_highest(const struct compiler *c, struct enosys_arch found[ARCHS_MAX])
{
	size_t n = 0, at;

	for (size_t i = 0; i < c->n_archs; i++) {
		uint32_t highest = highest_call(c->spec, c->archs[i]);
		uint32_t audit_arch = archs[c->archs[i]].audit_arch;
		for (at = 0; at < n && found[at].audit_arch != audit_arch; at++)
			;
		if (at == n)
			found[n++] = (struct enosys_arch){ audit_arch, UINT32_MAX, UINT32_MAX };
		if (c->archs[i] == SECCOMP_X32)
			found[at].highest_x32 = highest;
		else
			found[at].highest = highest;
	}
	return n;
}

/* --- the instructions ----------------------------------------------------------------------------
 */

/* libseccomp before 2.6 writes its program to an fd only. */
static int export(scmp_filter_ctx filter, struct sock_filter **ret, size_t *ret_n, struct err *e)
{
	autofd int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct stat st = { 0 };
	int r = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);

	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r < 0)
		return err_set(e, -r, "compile linux.seccomp");
	size_t n = (size_t)st.st_size / sizeof(**ret);
	autofree struct sock_filter *code = calloc(n + 1, sizeof(*code));
	if (!code)
		return err_set(e, ENOMEM, "compile linux.seccomp");
	if (pread(fd, code, n * sizeof(*code), 0) != (ssize_t)(n * sizeof(*code)))
		return err_set(e, EIO, "compile linux.seccomp");
	*ret = take(code);
	*ret_n = n;
	return 0;
}

static int assemble(const struct compiler *c, struct filter *ret, struct err *e)
{
	struct enosys_arch found[ARCHS_MAX];
	size_t n_found = wants_enosys(c->spec) ? find_highest(c, found) : 0, n = 0;
	autofree struct sock_filter *code = NULL;
	int r = export(c->filter, &code, &n, e);

	if (!code)
		return r;
	size_t stub = n_found ? 1 + n_found * ENOSYS_LENGTH : 0;
	if (n + stub > FILTER_MAX)
		return err_say(e, E2BIG,
			"linux.seccomp: its filter has %zu instructions, more than the kernel's %d",
			n + stub, FILTER_MAX);
	struct sock_filter *all = calloc(n + stub, sizeof(*code));
	if (!all)
		return err_set(e, ENOMEM, "compile linux.seccomp");
	if (stub)
		enosys_write(found, n_found, all);
	memcpy(all + stub, code, n * sizeof(*code));
	ret->code = ret->memory = all;
	ret->n = (uint32_t)(n + stub);
	return 0;
}

/* TSYNC, and its error, are for threads. */
static const uint32_t flag_bits[] = {
	[SECCOMP_TSYNC] = 0,
	[SECCOMP_FLAG_LOG] = SECCOMP_FILTER_FLAG_LOG,
	[SECCOMP_SPEC_ALLOW] = SECCOMP_FILTER_FLAG_SPEC_ALLOW,
	[SECCOMP_WAIT_KILLABLE] = 1u << 5, /* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, 5.19 */
};

static uint32_t flags_of(const struct seccomp_spec *s)
{
	uint32_t flags = s->flags ? 0 : SECCOMP_FILTER_FLAG_SPEC_ALLOW;

	for (size_t i = 0; s->flags && i < s->n_flags; i++)
		flags |= flag_bits[s->flags[i]];
	return flags | (seccomp_notifies(s) ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0);
}

int seccomp_compile(const struct seccomp_spec *s, struct filter *ret, struct err *e)
{
	automatic(compiler) struct compiler c = { .spec = s };

	c.filter = seccomp_init(action_word(s->default_action, &s->default_errno));
	if (!c.filter)
		return err_set(e, ENOMEM, "compile linux.seccomp");
	int r = seccomp_attr_set(c.filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0 && count_calls(s) > TREE_FROM)
		r = seccomp_attr_set(c.filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r < 0)
		return err_set(e, -r, "compile linux.seccomp");
	r = add_archs(&c, e);
	if (r == 0)
		r = add_rules(&c, e);
	if (r == 0)
		r = assemble(&c, ret, e);
	if (r == 0)
		ret->flags = flags_of(s);
	return r;
}

/* --- what there is -------------------------------------------------------------------------------
 */

/* The kernel looks at the flags before it looks for the program, which is not there. */
bool seccomp_flag_is_supported(int flag)
{
	uint32_t bits = flag_bits[flag];

	if (flag == SECCOMP_WAIT_KILLABLE)
		bits |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, bits, NULL) < 0 && errno == EFAULT;
}

bool seccomp_arch_is_supported(int arch)
{
	return token_of(arch) != 0;
}
