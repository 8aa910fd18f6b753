/*
 * A shortened filter answers what the long one does: both are run, over all numbers that either of
 * them knows and those beside them, in all architectures, with arguments made of what they compare
 * with. Profiles as they are written, invented ones, and programs that no compiler would write.
 */
#include <errno.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/optimizer.h"
#include "runtime/seccomp.h"
#include "spec/profile.h"
#include "tests/unit/bpf.h"
#include "tests/unit/run.h"

#define GOLDEN "tests/data/seccomp/x86_64" /* has the names of calls */
#define X32 0x40000000u

enum {
	CONSTANTS_MAX = 3 * 2 * FILTER_MAX,
	NUMBERS = 1024,
	PROFILES = 40,
	PROGRAMS = 20000,
};

#ifdef __SANITIZE_ADDRESS__
/* Not ours: libseccomp 2.5.4 forgets some of the conditions that it has merged. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libseccomp.so";
}
#endif

/* The same programs in each run. */
static uint64_t seed = 1;

static uint32_t next(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

static bool chance(uint32_t percent)
{
	return next(100) < percent;
}

/* --- two programs side by side -------------------------------------------------------------------
 */

struct pair {
	struct sock_filter before[FILTER_MAX], after[FILTER_MAX];
	uint32_t n_before, n_after;
	uint32_t constants[CONSTANTS_MAX]; /* that either compares with, and those beside them */
	size_t n_constants;
};

static struct pair pair;

static void note_constants(const struct sock_filter *code, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = code[i].k - 1; BPF_CLASS(code[i].code) == BPF_JMP;) {
			pair.constants[pair.n_constants++] = k;
			if (k++ == code[i].k + 1)
				break;
		}
}

static void shorten(const struct sock_filter *code, uint32_t n)
{
	memcpy(pair.before, code, n * sizeof(*code));
	memcpy(pair.after, code, n * sizeof(*code));
	pair.n_before = n;
	pair.n_after = (uint32_t)optimizer_shorten(pair.after, n);
	ck_assert_uint_le(pair.n_after, n);
	pair.n_constants = 0;
	note_constants(pair.before, n);
	note_constants(pair.after, pair.n_after);
}

static uint32_t some_word(void)
{
	switch (next(8)) {
	case 0:
		return 0;
	case 1:
		return UINT32_MAX;
	case 2:
		return 1u << next(32);
	case 3:
		return next(1u << 31) * 2 + next(2);
	default:
		return pair.n_constants ? pair.constants[next((uint32_t)pair.n_constants)]
					: next(9);
	}
}

static void compare(uint32_t arch, uint32_t nr)
{
	struct seccomp_data data = {
		.nr = (int)nr, .arch = arch, .instruction_pointer = some_word()
	};

	for (int i = 0; i < 6; i++)
		data.args[i] = (chance(70) ? 0 : (uint64_t)some_word() << 32) | some_word();
	uint32_t before = bpf_run(pair.before, pair.n_before, &data);
	uint32_t after = bpf_run(pair.after, pair.n_after, &data);
	if (before != after)
		ck_abort_msg("%x: %u(%llx, %llx, ...): %x, but %x before", arch, nr,
			(unsigned long long)data.args[0], (unsigned long long)data.args[1], after,
			before);
}

/* Every number, each some times: its arguments are others then. */
static void compare_all(int times)
{
	static const uint32_t archs[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64,
		AUDIT_ARCH_ARM, 0, AUDIT_ARCH_X86_64 + 1 };
	static const uint32_t bounds[] = { X32 - 1, 2 * X32 - 1, 2 * X32, 2 * X32 + 1, 3 * X32 - 1,
		3 * X32, 3 * X32 + 1, UINT32_MAX - 1, UINT32_MAX };

	for (size_t a = 0; a < sizeof(archs) / sizeof(archs[0]); a++)
		for (int time = 0; time < times; time++) {
			for (uint32_t nr = 0; nr < NUMBERS; nr++) {
				compare(archs[a], nr);
				compare(archs[a], X32 + nr);
			}
			for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
				compare(archs[a], bounds[i]);
			for (size_t i = 0; i < pair.n_constants; i++)
				compare(archs[a], pair.constants[i]);
		}
}

static void compile(const struct json_text *text)
{
	automatic(seccomp_spec) struct seccomp_spec s = { 0 };
	automatic(filter) struct filter f = { 0 };
	struct err e = { 0 };

	ck_assert_msg(seccomp_read(text, &s, &e) == 0, "%s", e.text);
	ck_assert_msg(seccomp_compile(&s, &f, &e) == 0, "%s", e.text);
	shorten(f.code, f.n);
}

/* --- profiles ------------------------------------------------------------------------------------
 */

START_TEST(default_profile)
{
	struct capability_spec held = { .bounding = (char **)profile_capabilities };
	struct json_text text = { 0 };

	while (profile_capabilities[held.n_bounding])
		held.n_bounding++;
	ck_assert_int_eq(profile_seccomp(&held, &text), 0);
	compile(&text);
	free(text.text);
	compare_all(40);
#ifdef __x86_64__
	ck_assert_msg(pair.n_after * 5 < pair.n_before, "%u of %u", pair.n_after, pair.n_before);
#endif
}
END_TEST

static char names[NUMBERS][32];
static uint32_t n_names;

static void read_names(void)
{
	char line[128];
	FILE *golden = fopen(GOLDEN, "r");

	ck_assert_msg(golden != NULL, "open " GOLDEN);
	while (n_names < NUMBERS && fgets(line, sizeof(line), golden))
		n_names += sscanf(line, "%*d %*s %31s", names[n_names]) == 1;
	fclose(golden);
	ck_assert_uint_gt(n_names, 300);
}

#define ARCHS "\"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"]"

/* Calls of their own answers, and of their own conditions: there is nothing to merge, and jumps are
 * as long as they get. */
static void each_by_itself(struct str *text)
{
	str_add(text, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [");
	for (uint32_t i = 0; i < 250; i++)
		str_addf(text,
			"%s{\"names\": [\"%s\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": %u}",
			i ? "," : "", names[i], 2 + i);
	for (uint32_t i = 250; i < n_names; i++)
		str_addf(text,
			",{\"names\": [\"%s\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": "
			"[{\"index\": 1, \"value\": %u, \"op\": \"SCMP_CMP_GE\"}, "
			"{\"index\": 2, \"value\": %u, \"op\": \"SCMP_CMP_MASKED_EQ\", "
			"\"valueTwo\": %u}]}",
			names[i], i, i | 0xff00, i);
	str_add(text, "]}");
}

START_TEST(long_jumps)
{
	automatic(str) struct str text = { 0 };

	read_names();
	each_by_itself(&text);
	compile(&(struct json_text){ text.data, text.len });
	ck_assert_uint_lt(pair.n_after, pair.n_before);
	ck_assert_uint_gt(pair.n_after, 1000);
	compare_all(4);
}
END_TEST

static void invent_condition(struct str *text)
{
	static const char *const operators[] = { "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ" };
	static const uint64_t values[] = { 0, 1, 2, 9, 0x5412, 0x7e020000, 0x80000000, UINT32_MAX,
		1ull << 32, (1ull << 32) + 9, UINT64_MAX };
	enum { VALUES = sizeof(values) / sizeof(values[0]) };

	str_addf(text,
		"{\"index\": %u, \"value\": %llu, \"valueTwo\": %llu, \"op\": \"SCMP_CMP_%s\"}",
		next(3), (unsigned long long)values[next(VALUES)],
		(unsigned long long)values[next(3) ? 0 : next(VALUES)], operators[next(7)]);
}

static void invent_rule(struct str *text, bool notifies)
{
	static const char *const actions[] = { "ALLOW", "ALLOW", "ALLOW", "ERRNO", "ERRNO", "LOG",
		"KILL_PROCESS", "TRAP", "TRACE", "NOTIFY" };
	uint32_t first = next(n_names), n = chance(30) ? 1 : 1 + next(60);

	str_add(text, "{\"names\": [");
	for (uint32_t i = 0; i < n; i++)
		str_addf(text, "%s\"%s\"", i ? "," : "",
			names[chance(70) ? (first + i) % n_names : next(n_names)]);
	str_addf(text, "], \"action\": \"SCMP_ACT_%s\"", actions[next(notifies ? 10 : 9)]);
	uint32_t n_args = chance(60) ? 0 : 1 + next(3);
	for (uint32_t i = 0; i < n_args; i++) {
		str_add(text, i ? "," : ", \"args\": [");
		invent_condition(text);
	}
	str_add(text, n_args ? "]}" : "}");
}

static void invent_profile(struct str *text)
{
	static const char *const defaults[] = { "ERRNO", "ALLOW", "KILL_PROCESS", "LOG",
		"ERRNO\", \"defaultErrnoRet\": 38, \"listenerPath\": \"/agent" };
	uint32_t which = next(5), n = 1 + next(12);

	str_addf(text, "{\"defaultAction\": \"SCMP_ACT_%s\", %s\"syscalls\": [", defaults[which],
		chance(70) ? ARCHS ", " : "");
	for (uint32_t i = 0; i < n; i++) {
		str_add(text, i ? "," : "");
		invent_rule(text, which == 4);
	}
	str_add(text, "]}");
}

START_TEST(invented_profiles)
{
	int compared = 0;

	read_names();
	for (int i = 0; i < PROFILES; i++) {
		automatic(str) struct str text = { 0 };
		automatic(seccomp_spec) struct seccomp_spec s = { 0 };
		automatic(filter) struct filter f = { 0 };
		struct err e = { 0 };
		invent_profile(&text);
		const struct json_text section = { text.data, text.len };
		if (seccomp_read(&section, &s, &e) < 0 || seccomp_compile(&s, &f, &e) < 0)
			continue; /* which profiles are refused is no matter here */
		shorten(f.code, f.n);
		compare_all(2);
		compared++;
	}
	ck_assert_int_gt(compared, PROFILES / 2);
}
END_TEST

/* --- programs that no compiler would write -------------------------------------------------------
 */

static uint32_t some_constant(void)
{
	static const uint32_t words[] = { 0, 0, 1, X32, 2 * X32, UINT32_MAX, UINT32_MAX - 1 };

	return chance(60) ? next(40) : words[next(sizeof(words) / sizeof(words[0]))];
}

static struct sock_filter other_instruction(void)
{
	static const uint16_t codes[] = { BPF_LD | BPF_IMM, BPF_LDX | BPF_IMM, BPF_LD | BPF_MEM,
		BPF_LDX | BPF_MEM, BPF_ST, BPF_STX, BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA,
		BPF_ALU | BPF_NEG, BPF_ALU | BPF_ADD | BPF_X, BPF_ALU | BPF_AND | BPF_X,
		BPF_ALU | BPF_XOR | BPF_K, BPF_ALU | BPF_RSH | BPF_K, BPF_LD | BPF_W | BPF_LEN };

	return (struct sock_filter)BPF_STMT(codes[next(sizeof(codes) / sizeof(codes[0]))], next(4));
}

/* With `behind` instructions after it, of which the last is a return. */
static struct sock_filter invent_instruction(uint32_t behind, uint32_t strange)
{
	static const uint16_t jumps[] = { BPF_JEQ, BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JGE, BPF_JSET };
	static const uint32_t words[] = { 0, 0, 0, 4, 16, 16, 20, 24 };
	uint32_t jt = next(behind), jf = next(behind), what = next(100);

	if (what < strange)
		return other_instruction();
	if (what < strange + 20)
		return (struct sock_filter)BPF_STMT(
			BPF_LD | BPF_W | BPF_ABS, words[next(sizeof(words) / sizeof(words[0]))]);
	if (what < strange + 25)
		return (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, some_constant());
	if (what < strange + 28)
		return (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, jt);
	if (what < strange + 33)
		return (struct sock_filter)BPF_STMT(
			BPF_RET | (chance(10) ? BPF_A : BPF_K), next(3));
	return (struct sock_filter)BPF_JUMP(BPF_JMP |
						    jumps[next(sizeof(jumps) / sizeof(jumps[0]))] |
						    (chance(strange) ? BPF_X : BPF_K),
		some_constant(), chance(50) ? 0 : jt, chance(40) ? 0 : jf);
}

START_TEST(invented_programs)
{
	static struct sock_filter code[64];
	uint32_t shorter = 0;

	for (int i = 0; i < PROGRAMS; i++) {
		uint32_t n = 2 + next(60), strange = next(2) ? 0 : next(20);
		for (uint32_t at = 0; at < n - 1; at++)
			code[at] = invent_instruction(n - 1 - at, strange);
		code[n - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, next(3));
		shorten(code, n);
		shorter += pair.n_after < n;
		for (int asked = 0; asked < 60; asked++)
			compare(chance(50) ? 0 : some_word(), chance(40) ? next(40) : some_word());
	}
	ck_assert_uint_gt(shorter, PROGRAMS / 2);
}
END_TEST

/* --- what stays as it is --------------------------------------------------------------------------
 */

START_TEST(short_ones_stay)
{
	static const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 1),
		BPF_STMT(BPF_RET | BPF_K, 2),
	};

	shorten(code, 4);
	ck_assert_uint_eq(pair.n_after, 4);
	ck_assert_mem_eq(pair.after, code, sizeof(code));
	shorten(code, 0);
	ck_assert_uint_eq(pair.n_after, 0);
}
END_TEST

/* Of numbers on which nothing depends, nothing is left. */
START_TEST(all_the_same)
{
	static const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, UINT32_MAX, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 1),
		BPF_STMT(BPF_RET | BPF_K, 2),
	};

	shorten(code, 5);
	ck_assert_uint_eq(pair.n_after, 1);
	ck_assert_uint_eq(pair.after[0].k, 2);
}
END_TEST

/* The kernel would refuse them, and is to have them as they are. */
START_TEST(broken_ones_stay)
{
	static const struct sock_filter rows[][3] = {
		{ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0) },
		{ BPF_STMT(BPF_JMP | BPF_JA, 2), BPF_STMT(BPF_RET | BPF_K, 0),
			BPF_STMT(BPF_RET | BPF_K, 0) },
		{ BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), BPF_STMT(BPF_RET | BPF_K, 0),
			BPF_STMT(BPF_RET | BPF_K, 0) },
		{ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 2), BPF_STMT(BPF_RET | BPF_K, 0),
			BPF_STMT(BPF_RET | BPF_K, 0) },
		{ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 255, 0), BPF_STMT(BPF_RET | BPF_K, 0),
			BPF_STMT(BPF_RET | BPF_K, 0) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sock_filter code[3];
		memcpy(code, rows[i], sizeof(code));
		ck_assert_uint_eq(optimizer_shorten(code, 3), 3);
		ck_assert_mem_eq(code, rows[i], sizeof(code));
	}
}
END_TEST

/* As long as a filter may be, each step a fork in the way: judged in bounded time, or left. */
START_TEST(wide_ones_end)
{
	static struct sock_filter code[FILTER_MAX];
	uint32_t n = FILTER_MAX;

	for (int kind = 0; kind < 3; kind++) {
		for (uint32_t at = 0; at < n; at++)
			code[at] = kind == 0 ? (struct sock_filter)BPF_JUMP(
						       BPF_JMP | BPF_JEQ | BPF_K, at * 7, at % 2, 0)
				   : kind == 1
					   ? (struct sock_filter)BPF_JUMP(
						     BPF_JMP | BPF_JSET | BPF_K, at, 0, 1 + at % 2)
				   : at % 2 ? (struct sock_filter)BPF_JUMP(
						      BPF_JMP | BPF_JGE | BPF_K, next(99999), 0, 2)
					    : (struct sock_filter)BPF_STMT(
						      BPF_LD | BPF_W | BPF_ABS, 16 * next(2));
		code[0] =
			(struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kind == 1 ? 16 : 0);
		for (uint32_t at = n - 4; at < n; at++)
			code[at] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, at);
		shorten(code, n);
		for (int asked = 0; asked < 200; asked++)
			compare(0, some_word());
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runtime_optimizer");
	TCase *cases = tcase_create("filters");

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, default_profile);
	tcase_add_test(cases, long_jumps);
	tcase_add_test(cases, invented_profiles);
	tcase_add_test(cases, invented_programs);
	tcase_add_test(cases, short_ones_stay);
	tcase_add_test(cases, all_the_same);
	tcase_add_test(cases, broken_ones_stay);
	tcase_add_test(cases, wide_ones_end);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
