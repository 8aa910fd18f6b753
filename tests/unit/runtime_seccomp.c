/*
 * What filters answer: each section is compiled, and its instructions are run on system calls, on
 * the last bit of every operator, and against libseccomp's pseudo-code for none.
 */
#include <errno.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "runtime/optimizer.h"
#include "runtime/enosys.h"
#include "runtime/seccomp.h"
#include "tests/unit/bpf.h"
#include "tests/unit/run.h"

#define X32 0x40000000
#ifdef __x86_64__
#define NATIVE AUDIT_ARCH_X86_64
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif
#define ALLOW SECCOMP_RET_ALLOW
#define FAILS(n) (SECCOMP_RET_ERRNO | (n))

static void compile(const char *text, struct filter *f)
{
	automatic(seccomp_spec) struct seccomp_spec s = { 0 };
	struct json_text section = { (char *)text, strlen(text) };
	struct err e = { 0 };

	ck_assert_msg(seccomp_read(&section, &s, &e) == 0, "%s", e.text);
	ck_assert_msg(seccomp_compile(&s, f, &e) == 0, "%s", e.text);
	f->n = (uint32_t)optimizer_shorten(f->memory, f->n);
}

static uint32_t ask(const struct filter *f, uint32_t arch, long nr, uint64_t a0, uint64_t a1)
{
	const struct seccomp_data data = { .nr = (int)nr, .arch = arch, .args = { a0, a1 } };

	return bpf_run(f->code, f->n, &data);
}

/* --- actions -------------------------------------------------------------------------------------
 */

static const struct {
	const char *action, *number;
	uint32_t word;
} actions[] = {
	{ "KILL", "", SECCOMP_RET_KILL_THREAD },
	{ "KILL_THREAD", "", SECCOMP_RET_KILL_THREAD },
	{ "KILL_PROCESS", "", SECCOMP_RET_KILL_PROCESS },
	{ "TRAP", "", SECCOMP_RET_TRAP },
	{ "ERRNO", "", FAILS(EPERM) },
	{ "ERRNO", ", \"errnoRet\": 38", FAILS(ENOSYS) },
	{ "ERRNO", ", \"errnoRet\": 0", FAILS(0) },
	{ "ERRNO", ", \"errnoRet\": 4094", FAILS(4094) },
	{ "TRACE", "", SECCOMP_RET_TRACE | EPERM },
	{ "TRACE", ", \"errnoRet\": 65535", SECCOMP_RET_TRACE | 65535 },
	{ "LOG", "", SECCOMP_RET_LOG },
	{ "NOTIFY", "", SECCOMP_RET_USER_NOTIF },
};

START_TEST(answers_by_rule)
{
	automatic(filter) struct filter f = { 0 };
	automatic(str) struct str text = { 0 };

	str_addf(&text,
		"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/agent\", \"syscalls\": "
		"[{\"names\": [\"mkdirat\", \"bpf\"], \"action\": \"SCMP_ACT_%s\"%s}]}",
		actions[_i].action, actions[_i].number);
	compile(text.data, &f);
	ck_assert_uint_eq(ask(&f, NATIVE, SYS_mkdirat, 0, 0), actions[_i].word);
	ck_assert_uint_eq(ask(&f, NATIVE, SYS_bpf, 0, 0), actions[_i].word);
	ck_assert_uint_eq(ask(&f, NATIVE, SYS_unlinkat, 0, 0), ALLOW);
	ck_assert_int_eq(!!(f.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER),
		actions[_i].word == SECCOMP_RET_USER_NOTIF);
}
END_TEST

/* As a default, but for NOTIFY; and a rule that says the same is none. */
START_TEST(answers_by_default)
{
	automatic(filter) struct filter f = { 0 };
	automatic(str) struct str text = { 0 };
	char number[40] = "";

	if (*actions[_i].number)
		snprintf(number, sizeof(number), ", \"defaultErrnoRet\": %s",
			strchr(actions[_i].number, ':') + 2);
	str_addf(&text,
		"{\"defaultAction\": \"SCMP_ACT_%s\"%s, \"syscalls\": [{\"names\": [\"mkdirat\"], "
		"\"action\": \"SCMP_ACT_%s\"%s}, {\"names\": [\"bpf\"], \"action\": "
		"\"SCMP_ACT_ALLOW\"}]}",
		actions[_i].action, number, actions[_i].action, actions[_i].number);
	compile(text.data, &f);
	ck_assert_uint_eq(ask(&f, NATIVE, SYS_mkdirat, 0, 0), actions[_i].word);
	ck_assert_uint_eq(ask(&f, NATIVE, SYS_unlinkat, 0, 0), actions[_i].word);
	ck_assert_uint_eq(ask(&f, NATIVE, SYS_bpf, 0, 0), ALLOW);
}
END_TEST

/* --- arguments -----------------------------------------------------------------------------------
 */

static const struct {
	const char *op;
	uint64_t value, two, argument;
	bool holds;
} comparisons[] = {
	{ "EQ", 5, 0, 5, true },
	{ "EQ", 5, 0, 6, false },
	{ "EQ", 5, 0, (1ull << 32) + 5, false },
	{ "EQ", UINT64_MAX, 0, UINT64_MAX, true },
	{ "EQ", UINT64_MAX, 0, UINT32_MAX, false },
	{ "NE", 5, 0, 5, false },
	{ "NE", 5, 0, (1ull << 32) + 5, true },
	{ "NE", UINT64_MAX, 0, 0, true },
	{ "LT", 1ull << 32, 0, UINT32_MAX, true },
	{ "LT", 1ull << 32, 0, 1ull << 32, false },
	{ "LT", 5, 0, 5, false },
	{ "LE", 5, 0, 5, true },
	{ "LE", 5, 0, 6, false },
	{ "LE", 1ull << 32, 0, (1ull << 32) + 1, false },
	{ "GE", 5, 0, 5, true },
	{ "GE", 5, 0, 4, false },
	{ "GE", 5, 0, 1ull << 32, true },
	{ "GE", UINT64_MAX, 0, UINT64_MAX - 1, false },
	{ "GT", 5, 0, 5, false },
	{ "GT", 5, 0, 6, true },
	{ "GT", UINT32_MAX, 0, 1ull << 32, true },
	/* value is the mask */
	{ "MASKED_EQ", 0xf0, 0x50, 0x5f, true },
	{ "MASKED_EQ", 0xf0, 0x50, 0x6f, false },
	{ "MASKED_EQ", 0x7e020000, 0, 0x00011200, true },
	{ "MASKED_EQ", 0x7e020000, 0, 0x10000000, false },
	{ "MASKED_EQ", 0xff00000000, 0x100000000, 0x1ffffffff, true },
	{ "MASKED_EQ", 0xff00000000, 0x100000000, 0x2ffffffff, false },
};

START_TEST(compares)
{
	automatic(filter) struct filter f = { 0 };
	automatic(str) struct str text = { 0 };

	str_addf(&text,
		"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"bpf\"], "
		"\"action\": \"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 1, \"value\": %llu, "
		"\"valueTwo\": %llu, \"op\": \"SCMP_CMP_%s\"}]}]}",
		(unsigned long long)comparisons[_i].value, (unsigned long long)comparisons[_i].two,
		comparisons[_i].op);
	compile(text.data, &f);
	ck_assert_uint_eq(
		ask(&f, NATIVE, SYS_bpf, ~comparisons[_i].argument, comparisons[_i].argument),
		comparisons[_i].holds ? FAILS(EPERM) : ALLOW);
}
END_TEST

#define ARG(index, value, op)                                                                      \
	"{\"index\": " #index ", \"value\": " #value ", \"op\": \"SCMP_CMP_" #op "\"}"
#define RULES(rules) "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [" rules "]}"
#define BPF(args) "{\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": [" args "]}"

static const struct {
	const char *text;
	uint64_t a0, a1;
	bool holds;
} several[] = {
	/* On several arguments: all. In whatever order. */
	{ RULES(BPF(ARG(0, 1, EQ) "," ARG(1, 2, EQ))), 1, 2, true },
	{ RULES(BPF(ARG(0, 1, EQ) "," ARG(1, 2, EQ))), 1, 3, false },
	{ RULES(BPF(ARG(0, 1, EQ) "," ARG(1, 2, EQ))), 2, 2, false },
	{ RULES(BPF(ARG(1, 2, EQ) "," ARG(0, 1, EQ))), 1, 2, true },
	{ RULES(BPF(ARG(1, 2, EQ) "," ARG(0, 1, EQ))), 2, 1, false },
	/* Two on one argument: any of all of them. */
	{ RULES(BPF(ARG(0, 1, EQ) "," ARG(0, 9, EQ))), 1, 0, true },
	{ RULES(BPF(ARG(0, 1, EQ) "," ARG(0, 9, EQ))), 9, 0, true },
	{ RULES(BPF(ARG(0, 1, EQ) "," ARG(0, 9, EQ))), 5, 0, false },
	{ RULES(BPF(ARG(0, 1, EQ) "," ARG(0, 9, EQ) "," ARG(1, 7, EQ))), 5, 7, true },
	{ RULES(BPF(ARG(0, 1, EQ) "," ARG(0, 9, EQ) "," ARG(1, 7, EQ))), 5, 6, false },
	/* Two rules for one call: either. */
	{ RULES(BPF(ARG(0, 1, EQ)) "," BPF(ARG(0, 2, GT))), 1, 0, true },
	{ RULES(BPF(ARG(0, 1, EQ)) "," BPF(ARG(0, 2, GT))), 2, 0, false },
	{ RULES(BPF(ARG(0, 1, EQ)) "," BPF(ARG(0, 2, GT))), 3, 0, true },
	/* Twice the same. */
	{ RULES(BPF(ARG(0, 1, EQ)) "," BPF(ARG(0, 1, EQ))), 1, 0, true },
};

START_TEST(combines)
{
	automatic(filter) struct filter f = { 0 };

	compile(several[_i].text, &f);
	ck_assert_uint_eq(ask(&f, NATIVE, SYS_bpf, several[_i].a0, several[_i].a1),
		several[_i].holds ? FAILS(EPERM) : ALLOW);
}
END_TEST

/* --- architectures -------------------------------------------------------------------------------
 */

#define NAMES "\"syscalls\": [{\"names\": [\"read\", \"openat\"], \"action\": \"SCMP_ACT_ALLOW\"}]"

START_TEST(kills_by_other_architectures)
{
	automatic(filter) struct filter f = { 0 };

	compile("{\"defaultAction\": \"SCMP_ACT_ERRNO\", " NAMES "}", &f);
	ck_assert_uint_eq(ask(&f, NATIVE, SYS_read, 0, 0), ALLOW);
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 3, 0, 0), SECCOMP_RET_KILL_PROCESS);
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_S390X, 3, 0, 0), SECCOMP_RET_KILL_PROCESS);
#ifdef __x86_64__
	ck_assert_uint_eq(ask(&f, NATIVE, X32 + SYS_read, 0, 0), SECCOMP_RET_KILL_PROCESS);
#endif
}
END_TEST

#ifdef __x86_64__
START_TEST(knows_three_tables)
{
	automatic(filter) struct filter f = { 0 };

	compile("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86\", "
		"\"SCMP_ARCH_X32\", \"SCMP_ARCH_X86_64\"], " NAMES "}",
		&f);
	ck_assert_uint_eq(ask(&f, NATIVE, SYS_read, 0, 0), ALLOW);
	ck_assert_uint_eq(ask(&f, NATIVE, X32 + SYS_read, 0, 0), ALLOW);
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 3 /* read */, 0, 0), ALLOW);
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 295 /* openat */, 0, 0), ALLOW);
	ck_assert_uint_eq(ask(&f, NATIVE, SYS_write, 0, 0), FAILS(EPERM));
	ck_assert_uint_eq(ask(&f, NATIVE, X32 + SYS_write, 0, 0), FAILS(EPERM));
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 0 /* restart_syscall */, 0, 0), FAILS(EPERM));
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_AARCH64, 63, 0, 0), SECCOMP_RET_KILL_PROCESS);
	/* openat is the highest that is named, in each table. */
	ck_assert_uint_eq(ask(&f, NATIVE, SYS_openat - 1, 0, 0), FAILS(EPERM));
	ck_assert_uint_eq(ask(&f, NATIVE, SYS_openat + 1, 0, 0), FAILS(ENOSYS));
	ck_assert_uint_eq(ask(&f, NATIVE, X32 + SYS_openat + 1, 0, 0), FAILS(ENOSYS));
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 294, 0, 0), FAILS(EPERM));
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 296, 0, 0), FAILS(ENOSYS));
	ck_assert_uint_eq(ask(&f, NATIVE, 0x3fffffff, 0, 0), FAILS(ENOSYS));
}
END_TEST
#endif

/* --- calls that are newer than the profile ---------------------------------------------------------
 */

static const struct {
	const char *text;
	uint32_t newer; /* the answer to a call that nobody knows */
} defaults[] = {
	{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\", " NAMES "}", FAILS(ENOSYS) },
	{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 1, " NAMES "}",
		FAILS(ENOSYS) },
	{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, " NAMES "}",
		FAILS(ENOSYS) },
	{ "{\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\", " NAMES "}", FAILS(ENOSYS) },
	{ "{\"defaultAction\": \"SCMP_ACT_TRAP\", " NAMES "}", FAILS(ENOSYS) },
	{ "{\"defaultAction\": \"SCMP_ACT_LOG\", " NAMES "}", SECCOMP_RET_LOG },
	{ "{\"defaultAction\": \"SCMP_ACT_TRACE\", " NAMES "}", SECCOMP_RET_TRACE | EPERM },
	{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"read\"], "
	  "\"action\": \"SCMP_ACT_ERRNO\"}]}",
		ALLOW },
	/* Nothing is named: nothing tells what its writer knew. */
	{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\"}", FAILS(EPERM) },
	{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"no_such_call\"], "
	  "\"action\": \"SCMP_ACT_ALLOW\"}]}",
		FAILS(EPERM) },
};

START_TEST(answers_newer_calls)
{
	automatic(filter) struct filter f = { 0 };

	compile(defaults[_i].text, &f);
	ck_assert_uint_eq(ask(&f, NATIVE, 4000, 0, 0), defaults[_i].newer);
}
END_TEST

/* As many architectures as there may be, and what follows is reached by each. */
START_TEST(stub_reaches_the_filter)
{
	enum { N = 20, LENGTH = 1 + N * ENOSYS_LENGTH + 1 };
	struct enosys_arch archs[N];
	struct sock_filter code[LENGTH];

	for (uint32_t i = 0; i < N; i++)
		archs[i] = (struct enosys_arch){ 100 + i, 10 * i, X32 + 5 };
	enosys_write(archs, N, code);
	code[LENGTH - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 77);
	for (uint32_t i = 0; i < N; i++) {
		struct seccomp_data data = { .arch = 100 + i, .nr = (int)(10 * i) };
		ck_assert_uint_eq(bpf_run(code, LENGTH, &data), 77);
		data.nr++;
		ck_assert_uint_eq(bpf_run(code, LENGTH, &data), FAILS(ENOSYS));
		data.nr = X32 + 5;
		ck_assert_uint_eq(bpf_run(code, LENGTH, &data), 77);
		data.nr++;
		ck_assert_uint_eq(bpf_run(code, LENGTH, &data), FAILS(ENOSYS));
	}
	const struct seccomp_data other = { .arch = 5, .nr = 100000 };
	ck_assert_uint_eq(bpf_run(code, LENGTH, &other), 77);
}
END_TEST

/* --- flags, and what cannot be compiled ------------------------------------------------------------
 */

START_TEST(has_flags)
{
	static const struct {
		const char *key;
		uint32_t flags;
	} rows[] = {
		{ "", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
		{ ", \"flags\": []", 0 },
		{ ", \"flags\": [\"SECCOMP_FILTER_FLAG_TSYNC\"]", 0 },
		{ ", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"]", SECCOMP_FILTER_FLAG_LOG },
		{ ", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\", \"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"]",
			SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		automatic(filter) struct filter f = { 0 };
		automatic(str) struct str text = { 0 };
		str_addf(&text, "{\"defaultAction\": \"SCMP_ACT_ALLOW\"%s}", rows[i].key);
		compile(text.data, &f);
		ck_assert_uint_eq(f.flags, rows[i].flags);
	}
}
END_TEST

START_TEST(refuses)
{
	static const struct {
		const char *arch, *error;
	} rows[] = {
		{ "SCMP_ARCH_M68K",
			"linux.seccomp.architectures[1]: SCMP_ARCH_M68K is not known to "
			"libseccomp " },
		{ "SCMP_ARCH_S390X",
			"linux.seccomp.architectures[1]: SCMP_ARCH_S390X has not the byte order of this "
			"machine" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		automatic(seccomp_spec) struct seccomp_spec s = { 0 };
		automatic(filter) struct filter f = { 0 };
		automatic(str) struct str text = { 0 };
		struct err e = { 0 };
		str_addf(&text,
			"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": "
			"[\"SCMP_ARCH_AARCH64\", \"%s\"]}",
			rows[i].arch);
		struct json_text section = { text.data, text.len };
		ck_assert_int_eq(seccomp_read(&section, &s, &e), 0);
		ck_assert_int_lt(seccomp_compile(&s, &f, &e), 0);
		ck_assert_msg(str_starts(e.text, rows[i].error), "%s", e.text);
	}
}
END_TEST

START_TEST(is_bounded)
{
	automatic(seccomp_spec) struct seccomp_spec s = { 0 };
	automatic(filter) struct filter f = { 0 };
	automatic(str) struct str text = { 0 };
	struct err e = { 0 };

	str_add(&text, "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [");
	for (int i = 0; i < 4200; i++)
		str_addf(&text,
			"%s"
			"{\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_ERRNO\", "
			"\"args\": [{\"index\": 0, \"value\": %d, \"op\": \"SCMP_CMP_EQ\"}]}",
			i ? "," : "", i * 7919);
	str_add(&text, "]}");
	struct json_text section = { text.data, text.len };
	ck_assert_int_eq(seccomp_read(&section, &s, &e), 0);
	ck_assert_int_eq(seccomp_compile(&s, &f, &e), -E2BIG);
	ck_assert_msg(strstr(e.text, "more than the kernel's 4096"), "%s", e.text);
}
END_TEST

/* What the tables of `features` say holds for this kernel, which is at least 6.1. */
START_TEST(tells_what_is_supported)
{
	for (const struct enum_name *f = seccomp_flags; f->name; f++)
		ck_assert_msg(seccomp_flag_is_supported(f->value), "%s", f->name);
	ck_assert(seccomp_arch_is_supported(SECCOMP_X86_64));
	ck_assert(!seccomp_arch_is_supported(SECCOMP_M68K));
}
END_TEST

#define ROWS(of) (int)(sizeof(of) / sizeof((of)[0]))

int main(void)
{
	Suite *suite = suite_create("runtime_seccomp");
	TCase *cases = tcase_create("filters");

	tcase_add_loop_test(cases, answers_by_rule, 0, ROWS(actions));
	tcase_add_loop_test(cases, answers_by_default, 0, ROWS(actions) - 1);
	tcase_add_loop_test(cases, compares, 0, ROWS(comparisons));
	tcase_add_loop_test(cases, combines, 0, ROWS(several));
	tcase_add_test(cases, kills_by_other_architectures);
#ifdef __x86_64__
	tcase_add_test(cases, knows_three_tables);
#endif
	tcase_add_loop_test(cases, answers_newer_calls, 0, ROWS(defaults));
	tcase_add_test(cases, stub_reaches_the_filter);
	tcase_add_test(cases, has_flags);
	tcase_add_test(cases, refuses);
	tcase_add_test(cases, is_bounded);
	tcase_add_test(cases, tells_what_is_supported);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
