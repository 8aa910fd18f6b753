/*
 * The default profile's verdicts, all of them: tests/data/seccomp/x86_64 has a line for each number,
 * and what is not there is ENOSYS. Whoever changes the profile changes that file, and it shows.
 * (Newer calls than libseccomp has names for are ENOSYS, whatever the profile says of them.)
 */
#include <errno.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/optimizer.h"
#include "runtime/seccomp.h"
#include "spec/profile.h"
#include "spec/seccomp_profile.h"
#include "tests/unit/bpf.h"
#include "tests/unit/run.h"

#define ALLOW SECCOMP_RET_ALLOW
#define FAILS(n) (SECCOMP_RET_ERRNO | (n))
#define X32 0x40000000
#define GOLDEN "tests/data/seccomp/x86_64"
#define NUMBERS 457 /* up to futex_requeue: what our libseccomp knows by name */

static void take_profile(const char *const *caps, struct filter *f)
{
	automatic(seccomp_spec) struct seccomp_spec s = { 0 };
	struct capability_spec held = { .bounding = (char **)caps };
	struct json_text text = { 0 };
	struct err e = { 0 };

	while (caps[held.n_bounding])
		held.n_bounding++;
	ck_assert_int_eq(profile_seccomp(&held, &text), 0);
	ck_assert_msg(seccomp_read(&text, &s, &e) == 0, "%s", e.text);
	ck_assert_msg(seccomp_compile(&s, f, &e) == 0, "%s", e.text);
	f->n = (uint32_t)optimizer_shorten(f->memory, f->n);
	free(text.text);
}

static uint32_t ask(const struct filter *f, uint32_t arch, long nr, int index, uint64_t argument)
{
	struct seccomp_data data = { .nr = (int)nr, .arch = arch };

	data.args[index] = argument;
	return bpf_run(f->code, f->n, &data);
}

#ifdef __x86_64__
static const char *verdict(uint32_t word)
{
	return word == ALLOW	       ? "allow"
	       : word == FAILS(EPERM)  ? "EPERM"
	       : word == FAILS(ENOSYS) ? "ENOSYS"
				       : "?";
}

/* "NUMBER VERDICT NAME", the name for those who read it. */
START_TEST(every_call_has_its_verdict)
{
	automatic(filter) struct filter f = { 0 };
	static char expected[NUMBERS][8];
	char line[128], word[8];
	int nr;

	for (int i = 0; i < NUMBERS; i++)
		snprintf(expected[i], sizeof(expected[i]), "ENOSYS");
	FILE *golden = fopen(GOLDEN, "r");
	ck_assert_msg(golden != NULL, "open " GOLDEN);
	while (fgets(line, sizeof(line), golden)) {
		ck_assert_msg(sscanf(line, "%d %7s", &nr, word) == 2 && nr >= 0 && nr < NUMBERS,
			"%s", line);
		snprintf(expected[nr], sizeof(expected[nr]), "%s", word);
	}
	fclose(golden);
	take_profile(profile_capabilities, &f);
	for (int i = 0; i < NUMBERS; i++) {
		const char *seen = verdict(ask(&f, AUDIT_ARCH_X86_64, i, 0, 0));
		ck_assert_msg(strcmp(seen, expected[i]) == 0, "%d: %s, the golden file says %s", i,
			seen, expected[i]);
	}
}
END_TEST

/* What must hold whatever the file says. */
static const struct {
	long nr;
	int index;
	uint64_t argument;
	uint32_t word;
} notable[] = {
	{ 435 /* clone3 */, 0, 0, FAILS(ENOSYS) },
	{ 56 /* clone */, 0, 0x01200011, ALLOW }, /* fork() */
	{ 56, 0, 0x003d0f00, ALLOW },		  /* pthread_create() */
	{ 56, 0, 0x00020000, FAILS(EPERM) },
	{ 56, 0, 0x10000000, FAILS(EPERM) },
	{ 56, 0, 0x60000011, FAILS(EPERM) },
	{ 56, 0, 0x100000000 | 0x10000000, FAILS(EPERM) },
	{ 272 /* unshare */, 0, 0x10000000, FAILS(EPERM) },
	{ 308 /* setns */, 0, 0, FAILS(EPERM) },
	{ 165 /* mount */, 0, 0, FAILS(EPERM) },
	{ 161 /* chroot: the profile's containers have the capability */, 0, 0, ALLOW },
	{ 16 /* ioctl */, 1, 0x5401, ALLOW },
	{ 16, 1, 0x5411, ALLOW },
	{ 16, 1, 0x5412 /* TIOCSTI */, FAILS(EPERM) },
	{ 16, 1, 0x5413, ALLOW },
	{ 16, 1, 0x541b /* FIONREAD */, ALLOW },
	{ 16, 1, 0x541c /* TIOCLINUX */, FAILS(EPERM) },
	{ 16, 1, 0x541d, ALLOW },
	{ 16, 1, 0x5452, ALLOW },
	{ 16, 1, 0x80045430, ALLOW },
	{ 16, 1, 0xffffffff80045430, ALLOW }, /* as musl passes it */
	{ 16, 1, 0x100005412, FAILS(EPERM) }, /* the kernel looks at 32 bits */
	{ 16, 1, 0xffffffff0000541c, FAILS(EPERM) },
	{ 41 /* socket */, 0, 1, ALLOW },
	{ 41, 0, 2, ALLOW },
	{ 41, 0, 10, ALLOW },
	{ 41, 0, 16, ALLOW },
	{ 41, 0, 37, ALLOW },
	{ 41, 0, 38 /* AF_ALG */, FAILS(EPERM) },
	{ 41, 0, 39, ALLOW },
	{ 41, 0, 40 /* AF_VSOCK */, FAILS(EPERM) },
	{ 41, 0, 41, ALLOW },
	{ 41, 0, 47, ALLOW },
	{ 41, 0, 48, FAILS(ENOSYS) },
	{ 41, 0, 0x100000026, FAILS(EPERM) },
	{ 135 /* personality */, 0, 0, ALLOW },
	{ 135, 0, 0xffffffff, ALLOW },
	{ 135, 0, 0x0040000, FAILS(ENOSYS) }, /* ADDR_NO_RANDOMIZE */
	{ 425 /* io_uring_setup */, 0, 0, FAILS(EPERM) },
	{ 323 /* userfaultfd */, 0, 0, FAILS(EPERM) },
	{ 321 /* bpf */, 0, 0, FAILS(EPERM) },
	{ 250 /* keyctl */, 0, 0, FAILS(EPERM) },
	{ 451 /* cachestat */, 0, 0, FAILS(EPERM) },
	{ 278 /* vmsplice */, 0, 0, FAILS(EPERM) },
	{ X32 + 0, 0, 0, SECCOMP_RET_KILL_PROCESS },
	{ X32 + 435, 0, 0, SECCOMP_RET_KILL_PROCESS },
};

START_TEST(notable_calls)
{
	automatic(filter) struct filter f = { 0 };

	take_profile(profile_capabilities, &f);
	for (size_t i = 0; i < sizeof(notable) / sizeof(notable[0]); i++) {
		uint32_t word = ask(&f, AUDIT_ARCH_X86_64, notable[i].nr, notable[i].index,
			notable[i].argument);
		ck_assert_msg(word == notable[i].word, "%ld(%llx): %x", notable[i].nr,
			(unsigned long long)notable[i].argument, word);
	}
}
END_TEST

/* 32-bit programs have the same calls by other numbers, and one that holds many. */
START_TEST(other_architectures)
{
	automatic(filter) struct filter f = { 0 };

	take_profile(profile_capabilities, &f);
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 4 /* write */, 0, 0), ALLOW);
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 102 /* socketcall */, 0, 0), FAILS(EPERM));
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 359 /* socket */, 0, 38), FAILS(EPERM));
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 359, 0, 2), ALLOW);
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 120 /* clone */, 0, 0x10000000), FAILS(EPERM));
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 120, 0, 0x01200011), ALLOW);
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 435 /* clone3 */, 0, 0), FAILS(ENOSYS));
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 54 /* ioctl */, 1, 0x5412), FAILS(EPERM));
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 54, 1, 0x5401), ALLOW);
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_I386, 21 /* mount */, 0, 0), FAILS(EPERM));
	ck_assert_uint_eq(ask(&f, AUDIT_ARCH_AARCH64, 64, 0, 0), SECCOMP_RET_KILL_PROCESS);
}
END_TEST

/* The two numbers, and no third, for all that ioctl() is asked with. */
START_TEST(ioctl_is_exact)
{
	automatic(filter) struct filter f = { 0 };

	take_profile(profile_capabilities, &f);
	for (uint64_t n = 0; n < 0x8000; n++)
		if ((ask(&f, AUDIT_ARCH_X86_64, 16, 1, n) == ALLOW) == (n == 0x5412 || n == 0x541c))
			ck_abort_msg("%llx", (unsigned long long)n);
	for (int bit = 0; bit < 32; bit++) {
		ck_assert_uint_eq(ask(&f, AUDIT_ARCH_X86_64, 16, 1, 0x5412u ^ 1u << bit), ALLOW);
		ck_assert_uint_eq(ask(&f, AUDIT_ARCH_X86_64, 16, 1, 0x541cu ^ 1u << bit), ALLOW);
	}
}
END_TEST

static const struct {
	const char *cap;
	long nr;
} with_caps[] = {
	{ "CAP_SYS_ADMIN", 435 },
	{ "CAP_SYS_ADMIN", 165 },
	{ "CAP_SYS_ADMIN", 272 },
	{ "CAP_SYS_ADMIN", 321 },
	{ "CAP_BPF", 321 },
	{ "CAP_PERFMON", 298 },
	{ "CAP_SYSLOG", 103 },
	{ "CAP_SYS_PTRACE", 438 },
	{ "CAP_SYS_TIME", 227 },
	{ "CAP_SYS_BOOT", 169 },
	{ "CAP_SYS_MODULE", 175 },
	{ "CAP_SYS_RAWIO", 172 },
	{ "CAP_SYS_NICE", 237 },
	{ "CAP_SYS_PACCT", 163 },
	{ "CAP_SYS_TTY_CONFIG", 153 },
	{ "CAP_DAC_READ_SEARCH", 304 },
	{ "CAP_SYS_CHROOT", 161 },
};

START_TEST(calls_go_with_capabilities)
{
	automatic(filter) struct filter with = { 0 }, without = { 0 };
	const char *const none[] = { NULL };
	const char *const one[] = { with_caps[_i].cap, NULL };

	take_profile(one, &with);
	take_profile(none, &without);
	ck_assert_uint_eq(ask(&with, AUDIT_ARCH_X86_64, with_caps[_i].nr, 0, 0), ALLOW);
	ck_assert_uint_ne(ask(&without, AUDIT_ARCH_X86_64, with_caps[_i].nr, 0, 0), ALLOW);
}
END_TEST
#endif

/* --- files of profiles -----------------------------------------------------------------------------
 */

static const char file[] =
	"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 1, \"archMap\": ["
	"{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": [\"SCMP_ARCH_X86\"]},"
	"{\"architecture\": \"SCMP_ARCH_AARCH64\", \"subArchitectures\": [\"SCMP_ARCH_ARM\"]},"
	"{\"architecture\": \"SCMP_ARCH_S390X\", \"subArchitectures\": null}], \"syscalls\": ["
	"{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": null, \"comment\": \"\"},"
	"{\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"caps\": [\"CAP_BPF\"]}},"
	"{\"names\": [\"mount\"], \"action\": \"SCMP_ACT_ALLOW\", \"excludes\": {\"caps\": [\"CAP_BPF\"]}},"
	"{\"names\": [\"ptrace\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"minKernel\": \"4.8\"}},"
	"{\"names\": [\"syslog\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"minKernel\": \"99.1\"}},"
	"{\"names\": [\"splice\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"arches\": [\"s390x\"]}},"
	"{\"names\": [\"tee\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"arches\": [\"amd64\", \"arm64\"]}},"
	"{\"names\": [\"vmsplice\"], \"action\": \"SCMP_ACT_ALLOW\", \"excludes\": {\"arches\": [\"amd64\", \"arm64\"]}}"
	"]}";

START_TEST(resolves_a_file)
{
	static const struct {
		const char *cap, *names;
	} rows[] = { { NULL, "read mount ptrace tee " }, { "CAP_BPF", "read bpf ptrace tee " } };

	for (size_t i = 0; i < 2; i++) {
		automatic(seccomp_spec) struct seccomp_spec s = { 0 };
		automatic(str) struct str names = { 0 };
		const char *const caps[] = { rows[i].cap, NULL };
		const struct capability_spec held = { .bounding = (char **)caps,
			.n_bounding = rows[i].cap != NULL };
		const struct json_text text = { (char *)file, strlen(file) };
		struct json_text section = { 0 };
		struct err e = { 0 };
		ck_assert_msg(seccomp_profile_resolve("f", &text, &held, &section, &e) == 0, "%s",
			e.text);
		ck_assert_int_eq(seccomp_read(&section, &s, &e), 0);
		for (size_t n = 0; n < s.n_rules; n++)
			str_addf(&names, "%s ", s.rules[n].names[0]);
		ck_assert_str_eq(names.data, rows[i].names);
		ck_assert_uint_eq(s.n_archs, 1);
		ck_assert_uint_eq(s.default_errno.value, 1);
		free(section.text);
	}
}
END_TEST

START_TEST(refuses_a_file)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "{}", "seccomp profile 'f': defaultAction: missing" },
		{ "[]", "seccomp profile 'f': f: expected an object, found a list" },
		{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [], "
		  "\"action\": \"SCMP_ACT_ALLOW\"}]}",
			"seccomp profile 'f': linux.seccomp.syscalls[0].names: missing" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct json_text text = { (char *)rows[i].text, strlen(rows[i].text) };
		struct json_text section = { 0 };
		struct err e = { 0 };
		ck_assert_int_lt(seccomp_profile_resolve("f", &text, NULL, &section, &e), 0);
		ck_assert_str_eq(e.text, rows[i].error);
		ck_assert_ptr_null(section.text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runtime_profile");
	TCase *cases = tcase_create("verdicts");

	tcase_set_timeout(cases, 30);
#ifdef __x86_64__
	tcase_add_test(cases, every_call_has_its_verdict);
	tcase_add_test(cases, notable_calls);
	tcase_add_test(cases, other_architectures);
	tcase_add_test(cases, ioctl_is_exact);
	tcase_add_loop_test(cases, calls_go_with_capabilities, 0,
		(int)(sizeof(with_caps) / sizeof(with_caps[0])));
#endif
	tcase_add_test(cases, resolves_a_file);
	tcase_add_test(cases, refuses_a_file);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
