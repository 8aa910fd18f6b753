/* cgroup/devices: the program says what the rules say, by an interpreter and a plain evaluation. */
#include <check.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/devices.h"
#include "tests/unit/run.h"

enum { MKNOD = 1, READ = 2, WRITE = 4 };
enum { BLOCK = 1, CHAR = 2 };

struct question {
	uint32_t type, access;
	uint32_t major, minor;
};

/* --- the kernel's part: the instructions that device programs use ----------------------------- */

/* As ck_assert(), which writes a note each time: millions of them here. */
static void check(bool holds)
{
	if (!holds)
		ck_abort_msg("this is no program that the kernel takes");
}

/* The new value of a register, or whether a jump is taken. 32 bits where `narrow`. */
static uint64_t compute(uint8_t operation, uint64_t a, uint64_t b)
{
	switch (operation) {
	case BPF_MOV:
		return b;
	case BPF_AND:
		return a & b;
	case BPF_RSH:
		return a >> b;
	default:
		ck_abort_msg("operation %02x", operation);
	}
}

static bool is_taken(uint8_t operation, uint64_t a, uint64_t b)
{
	switch (operation) {
	case BPF_JA:
		return true;
	case BPF_JNE:
		return a != b;
	case BPF_JSET:
		return a & b;
	default:
		ck_abort_msg("jump %02x", operation);
	}
}

static uint64_t load(const struct bpf_cgroup_dev_ctx *context, const struct bpf_insn *in)
{
	uint32_t value;

	check(in->code == (BPF_LDX | BPF_MEM | BPF_W) && in->src_reg == BPF_REG_1);
	check(in->off >= 0 && (size_t)in->off + sizeof(value) <= sizeof(*context));
	memcpy(&value, (const char *)context + in->off, sizeof(value));
	return value;
}

static bool interpret(const struct device_program *p, const struct question *q)
{
	struct bpf_cgroup_dev_ctx context = {
		.access_type = q->access << 16 | q->type, .major = q->major, .minor = q->minor
	};
	uint64_t registers[4] = { 0 };

	if (!p->n)
		return true;
	for (size_t at = 0;; at++) {
		check(at < p->n);
		const struct bpf_insn *in = &p->v[at];
		uint8_t class = BPF_CLASS(in->code), operation = BPF_OP(in->code);
		check(in->dst_reg < 4);
		uint64_t *to = &registers[in->dst_reg];
		bool narrow = class == BPF_ALU || class == BPF_JMP32;
		uint64_t value = narrow ? (uint32_t)in->imm : (uint64_t)(int64_t)in->imm;
		if (class == BPF_LDX)
			*to = load(&context, in);
		else if (class == BPF_ALU || class == BPF_ALU64)
			*to = compute(operation, *to, value);
		else if (class == BPF_JMP && operation == BPF_EXIT)
			return registers[0];
		else if (is_taken(operation, narrow ? (uint32_t)*to : *to, value)) {
			check(in->off >= 0);
			at += (size_t)in->off;
		}
	}
}

/* --- the rules by their words ----------------------------------------------------------------- */

static bool names(const struct device_rule *r, const struct question *q, char letter)
{
	char type = q->type == CHAR ? 'c' : 'b';

	if (r->type && *r->type && *r->type != 'a' && *r->type != type)
		return false;
	if (r->major.set && r->major.value != -1 && r->major.value != q->major)
		return false;
	if (r->minor.set && r->minor.value != -1 && r->minor.value != q->minor)
		return false;
	return !r->access || !*r->access || strchr(r->access, letter);
}

static bool is_usual(const struct question *q)
{
	static const struct {
		uint32_t major, minor;
	} devices[] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 1, 9 }, { 5, 0 }, { 5, 1 },
		{ 5, 2 }, { 10, 200 } };

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (devices[i].major == q->major && devices[i].minor == q->minor)
			return q->type == CHAR;
	return q->type == CHAR && q->major == 136;
}

static bool allows(const struct resources *r, const struct question *q, char letter)
{
	if (letter == 'm' || is_usual(q))
		return true;
	for (size_t i = r->n_devices; i--;)
		if (names(&r->devices[i], q, letter))
			return r->devices[i].allow;
	return r->n_devices == 0;
}

static bool evaluate(const struct resources *r, const struct question *q)
{
	return (!(q->access & READ) || allows(r, q, 'r')) &&
	       (!(q->access & WRITE) || allows(r, q, 'w')) &&
	       (!(q->access & MKNOD) || allows(r, q, 'm'));
}

/* --- tests ------------------------------------------------------------------------------------- */

static const uint32_t numbers[] = { 0, 1, 3, 5, 8, 10, 136, 200, 0x7fffffff, 0x80000000,
	0xffffffff };
enum { N_NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

static void compare_all(const struct resources *r)
{
	struct device_program p;
	struct err e;

	ck_assert_int_eq(device_program_make(r, &p, &e), 0);
	for (uint32_t type = BLOCK; type <= CHAR; type++)
		for (uint32_t access = 0; access <= (MKNOD | READ | WRITE); access++)
			for (size_t i = 0; i < N_NUMBERS * N_NUMBERS; i++) {
				struct question q = { type, access, numbers[i / N_NUMBERS],
					numbers[i % N_NUMBERS] };
				if (interpret(&p, &q) != evaluate(r, &q))
					ck_abort_msg(
						"%zu rules, device %c %u:%u, access %u: not %d",
						r->n_devices, type == CHAR ? 'c' : 'b', q.major,
						q.minor, access, evaluate(r, &q));
			}
	device_program_done(&p);
}

#define ANY ((struct opt_i64){ 0 })

static struct device_rule rule(bool allow, const char *type, struct opt_i64 major,
	struct opt_i64 minor, const char *access)
{
	return (struct device_rule){ .allow = allow,
		.type = (char *)type,
		.major = major,
		.minor = minor,
		.access = (char *)access };
}

/* The same numbers in each run: what fails once fails again. */
static uint32_t next(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % below;
}

static struct opt_i64 random_number(uint32_t *seed)
{
	switch (next(seed, 4)) {
	case 0:
		return (struct opt_i64){ 0 };
	case 1:
		return (struct opt_i64){ true, -1 };
	default:
		return (struct opt_i64){ true, numbers[next(seed, N_NUMBERS)] };
	}
}

START_TEST(random_rules_are_compiled_as_they_read)
{
	static const char *const types[] = { NULL, "", "a", "b", "c", "c" };
	static const char *const accesses[] = { NULL, "", "r", "w", "m", "rw", "rm", "wm", "rwm",
		"mwr" };
	uint32_t seed = 1;

	for (int round = 0; round < 200; round++) {
		struct device_rule rules[12] = { 0 };
		struct resources r = { .devices = rules, .n_devices = next(&seed, 13) };
		for (size_t i = 0; i < r.n_devices; i++)
			rules[i] = rule(next(&seed, 2), types[next(&seed, 6)], random_number(&seed),
				random_number(&seed), accesses[next(&seed, 10)]);
		compare_all(&r);
	}
}
END_TEST

static size_t program_size(struct device_rule *rules, size_t n)
{
	struct resources r = { .devices = rules, .n_devices = n };
	struct device_program p;
	struct err e;

	ck_assert_int_eq(device_program_make(&r, &p, &e), 0);
	size_t size = p.n;
	device_program_done(&p);
	return size;
}

START_TEST(what_allows_everything_needs_no_program)
{
	struct device_rule rules[] = {
		rule(false, NULL, ANY, ANY, "rwm"),
		rule(true, "c", (struct opt_i64){ true, 1 }, ANY, "r"),
		rule(true, "a", ANY, ANY, "rwm"),
		rule(true, "b", ANY, ANY, "r"),
	};

	ck_assert_uint_eq(program_size(rules, 0), 0);
	ck_assert_uint_eq(program_size(rules, 4), 0);
	ck_assert_uint_eq(program_size(rules + 2, 1), 0);
	ck_assert_uint_gt(program_size(rules, 1), 0);
	ck_assert_uint_gt(program_size(rules, 2), 0);
	rules[3].allow = false;
	ck_assert_uint_gt(program_size(rules, 4), 0);
}
END_TEST

START_TEST(rules_before_one_for_everything_cost_nothing)
{
	struct device_rule rules[] = {
		rule(true, "c", (struct opt_i64){ true, 1 }, ANY, "r"),
		rule(true, "b", ANY, ANY, "rw"),
		rule(false, NULL, ANY, ANY, "rwm"),
	};

	ck_assert_uint_eq(program_size(rules, 3), program_size(rules + 2, 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_devices");
	TCase *tcase = tcase_create("program");

	tcase_add_test(tcase, random_rules_are_compiled_as_they_read);
	tcase_add_test(tcase, what_allows_everything_needs_no_program);
	tcase_add_test(tcase, rules_before_one_for_everything_cost_nothing);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
