/* linux.seccomp as values: all that the tables know, and what is wrong, with its place. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "spec/base/str.h"
#include "spec/seccomp.h"
#include "tests/unit/run.h"

static int read_section(const char *text, struct seccomp_spec *s, struct err *e)
{
	struct json_text section = { (char *)text, strlen(text) };

	return seccomp_read(&section, s, e);
}

START_TEST(reads_all_of_it)
{
	automatic(seccomp_spec) struct seccomp_spec s = { 0 };
	struct err e = { 0 };
	const char *text =
		"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38,"
		"\"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X32\"],"
		"\"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"], \"listenerPath\": \"/run/agent\","
		"\"listenerMetadata\": \"m\", \"syscalls\": [{\"names\": [\"mkdir\", \"clone\"],"
		"\"action\": \"SCMP_ACT_NOTIFY\", \"args\": [{\"index\": 5, \"value\":"
		"18446744073709551615, \"valueTwo\": 18446744073709551614, \"op\":"
		"\"SCMP_CMP_MASKED_EQ\"}]}, {\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_TRACE\","
		"\"errnoRet\": 65535}]}";

	ck_assert_msg(read_section(text, &s, &e) == 0, "%s", e.text);
	ck_assert_int_eq(s.default_action, SECCOMP_ERRNO);
	ck_assert_uint_eq(s.default_errno.value, 38);
	ck_assert_uint_eq(s.n_archs, 2);
	ck_assert_int_eq(s.archs[1], SECCOMP_X32);
	ck_assert_int_eq(s.flags[0], SECCOMP_FLAG_LOG);
	ck_assert_str_eq(s.listener_path, "/run/agent");
	ck_assert_str_eq(s.listener_metadata, "m");
	ck_assert_uint_eq(s.n_rules, 2);
	ck_assert_str_eq(s.rules[0].names[1], "clone");
	ck_assert_uint_eq(s.rules[0].args[0].index, 5);
	ck_assert_uint_eq(s.rules[0].args[0].value, UINT64_MAX);
	ck_assert_uint_eq(s.rules[0].args[0].value_two, UINT64_MAX - 1);
	ck_assert_int_eq(s.rules[0].args[0].op, SECCOMP_MASKED_EQ);
	ck_assert_uint_eq(s.rules[1].errno_ret.value, 65535);
	ck_assert(seccomp_notifies(&s));
}
END_TEST

/* No flags are not the same as flags that nobody spoke of. */
START_TEST(tells_no_flags_from_none_given)
{
	automatic(seccomp_spec) struct seccomp_spec none = { 0 }, absent = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(
		read_section("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": []}", &none, &e),
		0);
	ck_assert_int_eq(read_section("{\"defaultAction\": \"SCMP_ACT_ALLOW\"}", &absent, &e), 0);
	ck_assert_ptr_nonnull(none.flags);
	ck_assert_ptr_null(absent.flags);
	ck_assert(!seccomp_notifies(&absent));
}
END_TEST

static const struct {
	const char *text, *error; /* NULL: taken */
} rows[] = {
	{ "{\"syscalls\": []}", NULL },
	{ "{\"architectures\": [\"SCMP_ARCH_X86\"]}", NULL },
	{ "{\"defaultAction\": \"SCMP_ACT_TRACE\", \"defaultErrnoRet\": 65535}", NULL },
	{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 4094}", NULL },
	/* Ignored without a rule that needs it (config-linux.md). */
	{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/x\","
	  "\"listenerMetadata\": \"y\"}",
		NULL },
	{ "{\"syscalls\": [{\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_KILL\"}]}",
		"linux.seccomp.defaultAction: missing" },
	{ "{\"defaultAction\": \"SCMP_ACT_MAYBE\"}",
		"linux.seccomp.defaultAction: 'SCMP_ACT_MAYBE' is unknown (known: SCMP_ACT_KILL, "
		"SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP, SCMP_ACT_ERRNO, "
		"SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY)" },
	{ "{\"defaultAction\": \"SCMP_ACT_NOTIFY\", \"listenerPath\": \"/x\"}",
		"linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be used as default action" },
	{ "{\"defaultAction\": \"SCMP_ACT_KILL\", \"defaultErrnoRet\": 1}",
		"linux.seccomp.defaultErrnoRet: set, but SCMP_ACT_KILL takes no number" },
	{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 4095}",
		"linux.seccomp.defaultErrnoRet: 4095 is out of range (0 to 4094)" },
	{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_NEW\"]}",
		"linux.seccomp.flags[0]: 'SECCOMP_FILTER_FLAG_NEW' is unknown (known: "
		"SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG, "
		"SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)" },
	{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\","
	  "\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]}",
		"linux.seccomp.flags[1]: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is for "
		"SCMP_ACT_NOTIFY, which no rule has" },
	{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerMetadata\": \"y\"}",
		"linux.seccomp.listenerMetadata: set, but listenerPath is not" },
#define RULE(text) "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [" text "]}"
#define GOOD "{\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_ERRNO\"}"
	{ RULE(GOOD), NULL },
	{ RULE("{\"names\": [\"no_such_call\"], \"action\": \"SCMP_ACT_ERRNO\"}"), NULL },
	{ RULE(GOOD ",{\"action\": \"SCMP_ACT_ERRNO\"}"),
		"linux.seccomp.syscalls[1].names: missing" },
	{ RULE("{\"names\": [], \"action\": \"SCMP_ACT_ERRNO\"}"),
		"linux.seccomp.syscalls[0].names: empty" },
	{ RULE("{\"names\": [\"bpf\", \"\"], \"action\": \"SCMP_ACT_ERRNO\"}"),
		"linux.seccomp.syscalls[0].names[1]: empty" },
	{ RULE("{\"names\": [\"bpf\"]}"), "linux.seccomp.syscalls[0].action: missing" },
	{ RULE(GOOD ",{\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_LOG\", \"errnoRet\": 0}"),
		"linux.seccomp.syscalls[1].errnoRet: set, but SCMP_ACT_LOG takes no number" },
	{ RULE("{\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_TRACE\", \"errnoRet\": 65536}"),
		"linux.seccomp.syscalls[0].errnoRet: 65536 is out of range (0 to 65535)" },
	{ RULE("{\"names\": [\"read\", \"write\"], \"action\": \"SCMP_ACT_NOTIFY\"}"),
		"linux.seccomp.syscalls[0].names[1]: SCMP_ACT_NOTIFY cannot be used for the write "
		"syscall" },
	{ RULE("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_NOTIFY\"}"),
		"linux.seccomp.listenerPath: missing, but a rule has SCMP_ACT_NOTIFY" },
#define ARG(text)                                                                                  \
	RULE("{\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": [" text "]}")
	{ ARG("{\"index\": 5, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}"), NULL },
	{ ARG("{\"index\": 6, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}"),
		"linux.seccomp.syscalls[0].args[0].index: 6 is out of range (0 to 5)" },
	{ ARG("{\"value\": 1, \"op\": \"SCMP_CMP_EQ\"}"),
		"linux.seccomp.syscalls[0].args[0].index: missing" },
	{ ARG("{\"index\": 0, \"op\": \"SCMP_CMP_EQ\"}"),
		"linux.seccomp.syscalls[0].args[0].value: missing" },
	{ ARG("{\"index\": 0, \"value\": 18446744073709551616, \"op\": \"SCMP_CMP_EQ\"}"), "?" },
	{ ARG("{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_ABOUT\"}"),
		"linux.seccomp.syscalls[0].args[0].op: 'SCMP_CMP_ABOUT' is unknown (known: "
		"SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE, SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, "
		"SCMP_CMP_MASKED_EQ)" },
	{ "{\"defaultAction\" \"SCMP_ACT_ALLOW\"}",
		"linux.seccomp:1:18: ':' expected near '\"SCMP_ACT_ALLOW\"'" },
};

START_TEST(judges)
{
	automatic(seccomp_spec) struct seccomp_spec s = { 0 };
	struct err e = { 0 };
	int r = read_section(rows[_i].text, &s, &e);

	if (rows[_i].error && *rows[_i].error == '?')
		ck_assert_int_lt(r, 0);
	else
		ck_assert_str_eq(r < 0 ? e.text : "", rows[_i].error ? rows[_i].error : "");
	ck_assert(r == 0 || r == -EINVAL);
}
END_TEST

START_TEST(bounds_the_path_of_the_agent)
{
	automatic(str) struct str text = { 0 };
	automatic(seccomp_spec) struct seccomp_spec s = { 0 };
	struct err e = { 0 };
	char path[109];
	size_t n = _i ? 108 : 107;

	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[n] = '\0';
	str_addf(&text,
		"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"%s\", \"syscalls\": "
		"[{\"names\": [\"mkdir\"], \"action\": \"SCMP_ACT_NOTIFY\"}]}",
		path);
	ck_assert_int_eq(read_section(text.data, &s, &e), _i ? -EINVAL : 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_seccomp");
	TCase *cases = tcase_create("sections");

	tcase_add_test(cases, reads_all_of_it);
	tcase_add_test(cases, tells_no_flags_from_none_given);
	tcase_add_loop_test(cases, judges, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_loop_test(cases, bounds_the_path_of_the_agent, 0, 2);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
