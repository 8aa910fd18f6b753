/* linux.seccomp as plain values, and what can be wrong with them. */
#include "spec/seccomp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/str.h"

enum {
	ARG_INDEX_MAX = 5,  /* a system call has six */
	ERRNO_MAX = 4094,   /* libseccomp's, one below the kernel's MAX_ERRNO */
	TRACE_MAX = 0xffff, /* SECCOMP_RET_DATA, for the tracer to read */
	PATH_BYTES = 107,   /* of a socket's name: sun_path, with its end */
};

const struct enum_name seccomp_actions[] = {
	{ "SCMP_ACT_KILL", SECCOMP_KILL },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_KILL_PROCESS },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_KILL_THREAD },
	{ "SCMP_ACT_TRAP", SECCOMP_TRAP },
	{ "SCMP_ACT_ERRNO", SECCOMP_ERRNO },
	{ "SCMP_ACT_TRACE", SECCOMP_TRACE },
	{ "SCMP_ACT_ALLOW", SECCOMP_ALLOW },
	{ "SCMP_ACT_LOG", SECCOMP_LOG },
	{ "SCMP_ACT_NOTIFY", SECCOMP_NOTIFY },
	{ 0 },
};

const struct enum_name seccomp_operators[] = {
	{ "SCMP_CMP_NE", SECCOMP_NE },
	{ "SCMP_CMP_LT", SECCOMP_LT },
	{ "SCMP_CMP_LE", SECCOMP_LE },
	{ "SCMP_CMP_EQ", SECCOMP_EQ },
	{ "SCMP_CMP_GE", SECCOMP_GE },
	{ "SCMP_CMP_GT", SECCOMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SECCOMP_MASKED_EQ },
	{ 0 },
};

const struct enum_name seccomp_archs[] = {
	{ "SCMP_ARCH_X86", SECCOMP_X86 },
	{ "SCMP_ARCH_X86_64", SECCOMP_X86_64 },
	{ "SCMP_ARCH_X32", SECCOMP_X32 },
	{ "SCMP_ARCH_ARM", SECCOMP_ARM },
	{ "SCMP_ARCH_AARCH64", SECCOMP_AARCH64 },
	{ "SCMP_ARCH_MIPS", SECCOMP_MIPS },
	{ "SCMP_ARCH_MIPS64", SECCOMP_MIPS64 },
	{ "SCMP_ARCH_MIPS64N32", SECCOMP_MIPS64N32 },
	{ "SCMP_ARCH_MIPSEL", SECCOMP_MIPSEL },
	{ "SCMP_ARCH_MIPSEL64", SECCOMP_MIPSEL64 },
	{ "SCMP_ARCH_MIPSEL64N32", SECCOMP_MIPSEL64N32 },
	{ "SCMP_ARCH_PPC", SECCOMP_PPC },
	{ "SCMP_ARCH_PPC64", SECCOMP_PPC64 },
	{ "SCMP_ARCH_PPC64LE", SECCOMP_PPC64LE },
	{ "SCMP_ARCH_S390", SECCOMP_S390 },
	{ "SCMP_ARCH_S390X", SECCOMP_S390X },
	{ "SCMP_ARCH_PARISC", SECCOMP_PARISC },
	{ "SCMP_ARCH_PARISC64", SECCOMP_PARISC64 },
	{ "SCMP_ARCH_RISCV64", SECCOMP_RISCV64 },
	{ "SCMP_ARCH_LOONGARCH64", SECCOMP_LOONGARCH64 },
	{ "SCMP_ARCH_M68K", SECCOMP_M68K },
	{ "SCMP_ARCH_SH", SECCOMP_SH },
	{ "SCMP_ARCH_SHEB", SECCOMP_SHEB },
	{ 0 },
};

const struct enum_name seccomp_flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_TSYNC },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_WAIT_KILLABLE },
	{ 0 },
};

const struct field seccomp_arg_fields[] = {
	FIELD(struct seccomp_arg, "index", FIELD_U32, index, .must = true, .always = true),
	FIELD(struct seccomp_arg, "value", FIELD_U64, value, .must = true, .always = true),
	FIELD(struct seccomp_arg, "valueTwo", FIELD_U64, value_two),
	FIELD(struct seccomp_arg, "op", FIELD_ENUM, op, .must = true, .names = seccomp_operators),
	{ 0 },
};

static const struct field rule_fields[] = {
	FIELD_LIST(struct seccomp_rule, "names", FIELD_STRING, names, n_names, .must = true),
	FIELD(struct seccomp_rule, "action", FIELD_ENUM, action, .must = true,
		.names = seccomp_actions),
	FIELD(struct seccomp_rule, "errnoRet", FIELD_OPT_U64, errno_ret),
	FIELD_LIST(struct seccomp_rule, "args", FIELD_OBJECT, args, n_args,
		.inside = seccomp_arg_fields, .size = sizeof(struct seccomp_arg)),
	{ 0 },
};

const struct field seccomp_fields[] = {
	FIELD(struct seccomp_spec, "defaultAction", FIELD_ENUM, default_action,
		.names = seccomp_actions),
	FIELD(struct seccomp_spec, "defaultErrnoRet", FIELD_OPT_U64, default_errno),
	FIELD_LIST(struct seccomp_spec, "architectures", FIELD_ENUM, archs, n_archs,
		.names = seccomp_archs),
	FIELD_LIST(
		struct seccomp_spec, "flags", FIELD_ENUM, flags, n_flags, .names = seccomp_flags),
	FIELD(struct seccomp_spec, "listenerPath", FIELD_STRING, listener_path),
	FIELD(struct seccomp_spec, "listenerMetadata", FIELD_STRING, listener_metadata),
	FIELD_LIST(struct seccomp_spec, "syscalls", FIELD_OBJECT, rules, n_rules,
		.inside = rule_fields, .size = sizeof(struct seccomp_rule)),
	{ 0 },
};

void seccomp_done(struct seccomp_spec *s)
{
	json_free(seccomp_fields, s);
}

bool seccomp_notifies(const struct seccomp_spec *s)
{
	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rules[i].action == SECCOMP_NOTIFY)
			return true;
	return false;
}

/* --- what can be wrong --------------------------------------------------------------------------
 */

/* The largest number that an action hands on, -1 for one that takes none. */
static int64_t number_max(int action)
{
	return action == SECCOMP_ERRNO ? ERRNO_MAX : action == SECCOMP_TRACE ? TRACE_MAX : -1;
}

static int check_number(
	const struct opt_u64 *number, int action, const char *place, const char *key, struct err *e)
{
	int64_t max = number_max(action);

	if (!number->set)
		return 0;
	if (max < 0)
		return err_say(e, EINVAL, "linux.seccomp.%s%s: set, but %s takes no number", place,
			key, enum_name_of(seccomp_actions, action));
	if (number->value > (uint64_t)max)
		return err_say(e, EINVAL, "linux.seccomp.%s%s: %llu is out of range (0 to %lld)",
			place, key, (unsigned long long)number->value, (long long)max);
	return 0;
}

/*
 * Between its filter and its program, a container's first process says one word to us by write():
 * it would wait for an agent that hears of it by that word.
 */
static int check_names(const struct seccomp_rule *rule, size_t i, struct err *e)
{
	if (!rule->n_names)
		return err_say(e, EINVAL, "linux.seccomp.syscalls[%zu].names: empty", i);
	for (size_t n = 0; n < rule->n_names; n++) {
		if (!*rule->names[n])
			return err_say(
				e, EINVAL, "linux.seccomp.syscalls[%zu].names[%zu]: empty", i, n);
		if (rule->action == SECCOMP_NOTIFY && strcmp(rule->names[n], "write") == 0)
			return err_say(e, EINVAL,
				"linux.seccomp.syscalls[%zu].names[%zu]: SCMP_ACT_NOTIFY cannot be "
				"used for the write syscall",
				i, n);
	}
	return 0;
}

static int check_rule(const struct seccomp_rule *rule, size_t i, struct err *e)
{
	char place[40];

	snprintf(place, sizeof(place), "syscalls[%zu].", i);
	int r = check_names(rule, i, e);
	if (r == 0)
		r = check_number(&rule->errno_ret, rule->action, place, "errnoRet", e);
	for (size_t n = 0; r == 0 && n < rule->n_args; n++)
		if (rule->args[n].index > ARG_INDEX_MAX)
			r = err_say(e, EINVAL,
				"linux.seccomp.syscalls[%zu].args[%zu].index: %u is out of range (0 to %d)",
				i, n, rule->args[n].index, ARG_INDEX_MAX);
	return r;
}

/* config-linux.md: without SCMP_ACT_NOTIFY the path is ignored. */
static int check_listener(const struct seccomp_spec *s, struct err *e)
{
	const char *path = s->listener_path ? s->listener_path : "";
	const char *metadata = s->listener_metadata ? s->listener_metadata : "";

	if (s->default_action == SECCOMP_NOTIFY)
		return err_say(e, EINVAL,
			"linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be used as default "
			"action");
	if (*metadata && !*path)
		return err_say(
			e, EINVAL, "linux.seccomp.listenerMetadata: set, but listenerPath is not");
	for (size_t i = 0; i < s->n_flags; i++)
		if (s->flags[i] == SECCOMP_WAIT_KILLABLE && !seccomp_notifies(s))
			return err_say(e, EINVAL,
				"linux.seccomp.flags[%zu]: %s is for SCMP_ACT_NOTIFY, which no rule has",
				i, enum_name_of(seccomp_flags, s->flags[i]));
	if (!seccomp_notifies(s))
		return 0;
	if (!*path)
		return err_say(e, EINVAL,
			"linux.seccomp.listenerPath: missing, but a rule has SCMP_ACT_NOTIFY");
	if (strlen(path) > PATH_BYTES)
		return err_say(e, EINVAL,
			"linux.seccomp.listenerPath: '%.40s...' is longer than %d bytes", path,
			PATH_BYTES);
	return 0;
}

/* runc and crun take a section with neither for "no filter". */
static int check(const struct seccomp_spec *s, struct err *e)
{
	if (!s->default_action && !s->n_rules)
		return 0;
	if (!s->default_action)
		return err_say(e, EINVAL, "linux.seccomp.defaultAction: missing");
	int r = check_number(&s->default_errno, s->default_action, "", "defaultErrnoRet", e);
	for (size_t i = 0; r == 0 && i < s->n_rules; i++)
		r = check_rule(&s->rules[i], i, e);
	return r < 0 ? r : check_listener(s, e);
}

int seccomp_read(const struct json_text *text, struct seccomp_spec *ret, struct err *e)
{
	automatic(seccomp_spec) struct seccomp_spec s = { 0 };
	int r = json_read_text("linux.seccomp", text, seccomp_fields, &s, &json_usual_limits, e);

	if (r == 0)
		r = check(&s, e);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct seccomp_spec){ 0 };
	return 0;
}
