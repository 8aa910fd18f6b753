/* Device rules: compiled, loaded, attached. */
#include "cgroup/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>

#include "cgroup/bpf.h"
#include "cgroup/kept_program.h"
#include "spec/base/str.h"

/* What tells our program from those that others attach to the group. */
#define PROGRAM_NAME "cowrun_devices"
#define ANY (-1)

enum { MKNOD = BPF_DEVCG_ACC_MKNOD, READ = BPF_DEVCG_ACC_READ, WRITE = BPF_DEVCG_ACC_WRITE };
enum { ALL = MKNOD | READ | WRITE };
enum { BLOCK = BPF_DEVCG_DEV_BLOCK, CHAR = BPF_DEVCG_DEV_CHAR };

struct rule {
	int type;	      /* 0: any */
	int64_t major, minor; /* ANY */
	unsigned access;
	bool allow;
};

/*
 * What OCI runtimes add, the last words in every list. That a container may make nodes of all
 * devices is no danger by itself: it may not open them.
 */
static const struct rule usual[] = {
	{ 0, ANY, ANY, MKNOD, true }, { CHAR, 1, 3, ALL, true }, /* null */
	{ CHAR, 1, 5, ALL, true },				 /* zero */
	{ CHAR, 1, 7, ALL, true },				 /* full */
	{ CHAR, 1, 8, ALL, true },				 /* random */
	{ CHAR, 1, 9, ALL, true },				 /* urandom */
	{ CHAR, 5, 0, ALL, true },				 /* tty */
	{ CHAR, 5, 1, ALL, true },				 /* console */
	{ CHAR, 5, 2, ALL, true },				 /* ptmx */
	{ CHAR, 10, 200, ALL, true },  /* net/tun: makes interfaces of the own network namespace */
	{ CHAR, 136, ANY, ALL, true }, /* pts */
};
enum { N_USUAL = sizeof(usual) / sizeof(usual[0]) };

static const struct rule deny_all = { 0, ANY, ANY, ALL, false };

/* --- compiling ------------------------------------------------------------------------------- */

/* Registers. The kernel passes its question, struct bpf_cgroup_dev_ctx, in the first argument. */
enum { RESULT = BPF_REG_0, QUESTION = BPF_REG_1, SCRATCH = BPF_REG_2, LEFT = BPF_REG_3 };

/* At most, around the rules and for one of them. */
enum { FRAME_INSNS = 5, RULE_INSNS = 11 };

static struct bpf_insn *emit(struct device_program *p, uint8_t code, int to, int32_t value)
{
	struct bpf_insn *insn = &p->v[p->n++];

	*insn = (struct bpf_insn){ .code = code, .dst_reg = to & 0xf, .imm = value };
	return insn;
}

static void emit_load(struct device_program *p, int to, size_t member)
{
	struct bpf_insn *insn = emit(p, BPF_LDX | BPF_MEM | BPF_W, to, 0);

	insn->src_reg = QUESTION;
	insn->off = (int16_t)member;
}

static void emit_answer(struct device_program *p, bool allow)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, allow);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0);
}

/* Loaded anew for each rule: kept in a register, what is known of it after a comparison would be a
 * state of its own to the verifier, and its work the square of the number of rules. */
static size_t emit_unless(struct device_program *p, size_t member, uint32_t value)
{
	emit_load(p, SCRATCH, member);
	if (member == offsetof(struct bpf_cgroup_dev_ctx, access_type))
		emit(p, BPF_ALU | BPF_AND | BPF_K, SCRATCH, 0xffff);
	emit(p, BPF_JMP32 | BPF_JNE | BPF_K, SCRATCH, (int32_t)value);
	return p->n - 1;
}

/* LEFT are the letters that no rule has judged so far, at least one. */
static void emit_rule(struct device_program *p, const struct rule *r)
{
	size_t skips[4], n = 0;

	if (r->type)
		skips[n++] = emit_unless(
			p, offsetof(struct bpf_cgroup_dev_ctx, access_type), (uint32_t)r->type);
	if (r->major != ANY)
		skips[n++] = emit_unless(
			p, offsetof(struct bpf_cgroup_dev_ctx, major), (uint32_t)r->major);
	if (r->minor != ANY)
		skips[n++] = emit_unless(
			p, offsetof(struct bpf_cgroup_dev_ctx, minor), (uint32_t)r->minor);
	if (r->access != ALL && r->allow) {
		emit(p, BPF_ALU | BPF_AND | BPF_K, LEFT, (int32_t)(ALL & ~r->access));
		emit(p, BPF_JMP32 | BPF_JNE | BPF_K, LEFT, 0);
		skips[n++] = p->n - 1;
	} else if (r->access != ALL) {
		emit(p, BPF_JMP | BPF_JSET | BPF_K, LEFT, (int32_t)r->access)->off = 1;
		emit(p, BPF_JMP | BPF_JA, 0, 0);
		skips[n++] = p->n - 1;
	}
	emit_answer(p, r->allow);
	for (size_t i = 0; i < n; i++)
		p->v[skips[i]].off = (int16_t)(p->n - skips[i] - 1);
}

static bool judges_all(const struct rule *r)
{
	return !r->type && r->major == ANY && r->minor == ANY && r->access == ALL;
}

/* From the last rule, which has the first say, back to one that leaves nothing open. */
static void compile(const struct rule *rules, size_t n, struct device_program *p)
{
	emit_load(p, LEFT, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit(p, BPF_ALU | BPF_RSH | BPF_K, LEFT, 16);
	/* access(2) for mere existence asks for no letter. */
	emit(p, BPF_JMP32 | BPF_JNE | BPF_K, LEFT, 0)->off = 2;
	emit_answer(p, true);
	while (n--) {
		emit_rule(p, &rules[n]);
		if (judges_all(&rules[n]))
			return;
	}
}

static struct rule read_rule(const struct device_rule *from)
{
	static const struct {
		char letter;
		unsigned access;
	} letters[] = { { 'r', READ }, { 'w', WRITE }, { 'm', MKNOD } };
	struct rule r = { .major = from->major.set ? from->major.value : ANY,
		.minor = from->minor.set ? from->minor.value : ANY,
		.allow = from->allow };

	if (from->type && *from->type == 'b')
		r.type = BLOCK;
	if (from->type && *from->type == 'c')
		r.type = CHAR;
	/* What is left out is any, for letters as for types and numbers. */
	if (!from->access || !*from->access)
		r.access = ALL;
	for (size_t i = 0; r.access != ALL && i < sizeof(letters) / sizeof(letters[0]); i++)
		if (strchr(from->access, letters[i].letter))
			r.access |= letters[i].access;
	return r;
}

/* Whether the rules, the last of which win, leave nothing denied. */
static bool allow_all(const struct rule *rules, size_t n)
{
	while (n--) {
		if (!rules[n].allow)
			return false;
		if (judges_all(&rules[n]))
			return true;
	}
	return false;
}

int device_program_make(const struct resources *r, struct device_program *ret, struct err *e)
{
	size_t n = 1 + r->n_devices + N_USUAL;

	if (!r->n_devices) {
		*ret = (struct device_program){ 0 };
		return 0;
	}
	autofree struct rule *rules = calloc(n, sizeof(*rules));
	if (!rules)
		return err_set(e, ENOMEM, "compile the device rules");
	rules[0] = deny_all;
	for (size_t i = 0; i < r->n_devices; i++)
		rules[1 + i] = read_rule(&r->devices[i]);
	memcpy(rules + 1 + r->n_devices, usual, sizeof(usual));
	if (allow_all(rules, n)) {
		*ret = (struct device_program){ 0 };
		return 0;
	}
	struct device_program p = { .v = calloc(FRAME_INSNS + n * RULE_INSNS, sizeof(*p.v)) };
	if (!p.v)
		return err_set(e, ENOMEM, "compile the device rules");
	compile(rules, n, &p);
	*ret = p;
	return 0;
}

void device_program_done(struct device_program *p)
{
	free(p->v);
	*p = (struct device_program){ 0 };
}

/* --- loading and attaching ------------------------------------------------------------------- */

static int load(const struct device_program *p)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	a.insns = (uint64_t)(uintptr_t)p->v;
	a.insn_cnt = (uint32_t)p->n;
	a.license = (uint64_t)(uintptr_t) "Apache-2.0";
	memcpy(a.prog_name, PROGRAM_NAME, sizeof(PROGRAM_NAME));
	/* RLIMIT_MEMLOCK does not matter: since 5.11 programs are charged to the memory cgroup. */
	return bpf_call(BPF_PROG_LOAD, &a);
}

/* The fd of a program by its number, if it is one of ours. */
static int open_ours(uint32_t id)
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.prog_id = id;
	autofd int fd = bpf_call(BPF_PROG_GET_FD_BY_ID, &a);
	if (fd < 0)
		return fd;
	memset(&a, 0, sizeof(a));
	a.info.bpf_fd = (uint32_t)fd;
	a.info.info_len = sizeof(info);
	a.info.info = (uint64_t)(uintptr_t)&info;
	int r = bpf_call(BPF_OBJ_GET_INFO_BY_FD, &a);
	if (r < 0)
		return r;
	return str_equal(info.name, PROGRAM_NAME) ? take_fd(&fd) : -ENOENT;
}

/* Ours among those that are attached to the group. -ENOENT: none. */
static int find_ours(int group)
{
	uint32_t ids[64]; /* as many as the kernel lets be attached */
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.query.target_fd = (uint32_t)group;
	a.query.attach_type = BPF_CGROUP_DEVICE;
	a.query.prog_ids = (uint64_t)(uintptr_t)ids;
	a.query.prog_cnt = sizeof(ids) / sizeof(ids[0]);
	int r = bpf_call(BPF_PROG_QUERY, &a);
	for (uint32_t i = 0; r == 0 && i < a.query.prog_cnt; i++) {
		int fd = open_ours(ids[i]);
		if (fd != -ENOENT)
			return fd;
	}
	return r < 0 ? r : -ENOENT;
}

/* `command`: attach, instead of `old` if that is an fd; or detach. */
static int attach(enum bpf_cmd command, int group, int program, int old)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.target_fd = (uint32_t)group;
	a.attach_bpf_fd = (uint32_t)program;
	a.attach_type = BPF_CGROUP_DEVICE;
	/* The programs of the groups above and below hold as well. */
	if (command == BPF_PROG_ATTACH)
		a.attach_flags = BPF_F_ALLOW_MULTI;
	if (old >= 0) {
		a.attach_flags |= BPF_F_REPLACE;
		a.replace_bpf_fd = (uint32_t)old;
	}
	return bpf_call(command, &a);
}

static int load_error(int code, size_t n_rules, struct err *e)
{
	if (code == E2BIG)
		return err_say(e, code,
			"linux.resources.devices: %zu rules are more than the kernel takes",
			n_rules);
	if (code == EINVAL)
		return err_say(e, code,
			"linux.resources.devices: this kernel cannot apply device rules (it is "
			"built without CONFIG_CGROUP_BPF)");
	return err_set(e, code, "linux.resources.devices: load the program of the rules");
}

/* One that others have, or a new one. */
static int obtain(const struct device_program *p, int kept)
{
	autofd int program = kept_program_open(kept, p);

	if (program < 0 && (program = load(p)) >= 0)
		kept_program_keep(kept, p, program);
	return program < 0 ? program : take_fd(&program);
}

static int replace(
	int group, const struct device_program *p, int old, size_t n_rules, int kept, struct err *e)
{
	autofd int program = obtain(p, kept);

	if (program < 0)
		return load_error(-program, n_rules, e);
	int r = attach(BPF_PROG_ATTACH, group, program, old);
	return r < 0 ? err_set(e, -r, "linux.resources.devices: attach the program of the rules")
		     : 0;
}

int devices_apply(int cgroup, const struct resources *r, bool fresh, int kept, struct err *e)
{
	automatic(device_program) struct device_program p = { 0 };
	int bad = device_program_make(r, &p, e);

	if (bad < 0 || (fresh && !p.n))
		return bad;
	/* bpf(2) takes no O_PATH fd. */
	autofd int group = openat(cgroup, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (group < 0)
		return err_set(e, errno, "linux.resources.devices: open the cgroup");
	autofd int old = fresh ? -ENOENT : find_ours(group);
	if (old < 0 && old != -ENOENT)
		return err_set(e, -old, "linux.resources.devices: look for the rules that hold");
	if (p.n)
		return replace(group, &p, old, r->n_devices, kept, e);
	bad = old < 0 ? 0 : attach(BPF_PROG_DETACH, group, old, -1);
	return bad < 0 ? err_set(e, -bad, "linux.resources.devices: take off the old rules") : 0;
}
