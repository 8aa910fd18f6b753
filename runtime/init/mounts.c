/* Mounts, in the order of the plan. */
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/mount.h>

#include "runtime/init/child.h"
#include "runtime/init/text.h"

long mount_change(int fd, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear, .propagation = propagation };

	return sys(mount_setattr, fd, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr));
}

/* A mount in words, for messages: "mounts[6]: mount tmpfs on '/tmp'". */
struct job {
	struct child *c;
	const struct mount_op *op;
	const char *name, *target, *type, *verb;
};

static _Noreturn void fail(const struct job *j, long code)
{
	child_fail(j->c, (int)code, "%s: %s %s on '%s'", j->name, j->verb, j->type, j->target);
}

/* The kernel tells in words, on the fd, why it refused something: "e tmpfs: Bad value ...". */
static _Noreturn void fail_with_log(const struct job *j, int fs, long code, const char *param)
{
	char log[200];
	long n = sys(read, fs, log, sizeof(log) - 1);

	log[n > 0 ? n : 0] = '\0';
	if (n > 0 && log[n - 1] == '\n')
		log[n - 1] = '\0';
	if (n > 2 && param)
		child_refuse(j->c, (int)code, "%s: %s %s on '%s': option '%s': %s", j->name,
			j->verb, j->type, j->target, param, log + 2);
	if (n > 2)
		child_refuse(j->c, (int)code, "%s: %s %s on '%s': %s", j->name, j->verb, j->type,
			j->target, log + 2);
	if (param)
		child_fail(j->c, (int)code, "%s: %s %s on '%s': option '%s'", j->name, j->verb,
			j->type, j->target, param);
	fail(j, code);
}

/* "key=value" or "flag" */
static long set_param(int fs, const char *param)
{
	const char *equals = text_find(param, '=');
	char key[64];
	struct text t = TEXT_IN(key);

	if (!equals)
		return sys(fsconfig, fs, FSCONFIG_SET_FLAG, param, 0, 0);
	text_add_bytes(&t, param, (size_t)(equals - param));
	return sys(fsconfig, fs, FSCONFIG_SET_STRING, key, equals + 1, 0);
}

static void set_params(const struct job *j, int fs)
{
	const place *params = child_list(j->c, j->op->params);

	for (uint32_t i = 0; i < j->op->n_params; i++) {
		const char *param = child_text(j->c, params[i]);
		long r = set_param(fs, param);
		if (r < 0)
			fail_with_log(j, fs, r, param);
	}
}

static long set_mode(int fs, uint32_t mode)
{
	char octal[16];
	struct text t = TEXT_IN(octal);

	text_add_octal(&t, mode);
	return sys(fsconfig, fs, FSCONFIG_SET_STRING, "mode", octal, 0);
}

static int new_tree(const struct job *j, uint32_t mode)
{
	const struct mount_op *op = j->op;
	uint64_t late = op->flags & MOUNT_READONLY_LATE ? MOUNT_ATTR_RDONLY : 0;
	int fs = (int)sys(fsopen, j->type, FSOPEN_CLOEXEC);
	long r = 0;

	if (fs == -ENODEV)
		child_refuse(j->c, ENODEV, "%s: mount on '%s': this kernel has no file system '%s'",
			j->name, j->target, j->type);
	if (fs < 0)
		fail(j, fs);
	if (op->source)
		r = sys(fsconfig, fs, FSCONFIG_SET_STRING, "source", child_text(j->c, op->source),
			0);
	if (r >= 0 && mode)
		r = set_mode(fs, mode);
	if (r < 0)
		fail_with_log(j, fs, r, NULL);
	set_params(j, fs);
	r = sys(fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);
	if (r >= 0)
		r = sys(fsmount, fs, FSMOUNT_CLOEXEC, op->attr_set & ~late);
	if (r < 0)
		fail_with_log(j, fs, r, NULL);
	sys(close, fs);
	return (int)r;
}

static void change_flags(const struct job *j, int fd)
{
	const struct mount_op *op = j->op;
	long r = 0;

	if (op->rec_set || op->rec_clear)
		r = mount_change(fd, AT_RECURSIVE, op->rec_set, op->rec_clear, 0);
	if (r >= 0 && (op->attr_set || op->attr_clear))
		r = mount_change(fd, 0, op->attr_set, op->attr_clear, 0);
	if (r < 0)
		child_fail(j->c, (int)r, "%s: change the flags of '%s'", j->name, j->target);
}

/* Options of the file system itself, as mount(8) has them behind "-o remount". */
static void reconfigure(const struct job *j, int at)
{
	if (!j->op->n_params)
		return;
	int fs = (int)sys(fspick, at, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
	if (fs < 0)
		fail(j, fs);
	set_params(j, fs);
	long r = sys(fsconfig, fs, FSCONFIG_CMD_RECONFIGURE, 0, 0, 0);
	if (r < 0)
		fail_with_log(j, fs, r, NULL);
	sys(close, fs);
}

static void propagate(const struct job *j, int fd)
{
	for (uint32_t i = 0; i < j->op->n_propagation; i++) {
		uint64_t kind = j->op->propagation[i];
		long r = mount_change(
			fd, kind & MS_REC ? AT_RECURSIVE : 0, 0, 0, kind & ~(uint64_t)MS_REC);
		if (r < 0)
			child_fail(j->c, (int)r, "%s: set the propagation of '%s'", j->name,
				j->target);
	}
}

static void change(struct job *j)
{
	int at = target_find(j->c, j->target, 0, 0);

	j->verb = "remount";
	if (at < 0)
		child_fail(j->c, at, "%s: open '%s'", j->name, j->target);
	reconfigure(j, at);
	change_flags(j, at);
	propagate(j, at);
	sys(close, at);
}

/* The mode of the directory that is there; 0: none is, or it is tmpfs' own default. */
static uint32_t mode_of(const struct job *j, int target)
{
	struct statx st;

	if (!(j->op->flags & MOUNT_TAKE_MODE))
		return 0;
	long r = sys(statx, target, "", AT_EMPTY_PATH, STATX_MODE, &st);
	if (r < 0)
		child_fail(j->c, (int)r, "%s: look at '%s'", j->name, j->target);
	return (st.stx_mode & 07777) == 01777 ? 0 : st.stx_mode & 07777;
}

/* A new root: what was mounted before lies under it, for good. */
static void cover_root(struct child *c, const struct mount_op *by, int tree)
{
	for (struct mount_op *op = child_list(c, c->plan->mounts); op < by; op++) {
		if (op->flags & MOUNT_READONLY_LATE && op->tree != c->root)
			sys(close, op->tree);
		op->flags &= ~(uint32_t)MOUNT_READONLY_LATE;
	}
	sys(close, c->root);
	c->root = tree;
}

static void perform(struct child *c, struct mount_op *op)
{
	struct job j = { .c = c,
		.op = op,
		.name = child_text(c, op->name),
		.target = child_text(c, op->target),
		.type = op->type ? child_text(c, op->type) : "",
		.verb = "mount" };
	bool made = false;

	if (op->kind == MOUNT_KIND_CHANGE) {
		change(&j);
		return;
	}
	int target = target_open(c, j.name, j.target, op->flags, &made);
	int tree = op->kind == MOUNT_KIND_TREE ? child_fd(c, op->tree)
					       : new_tree(&j, made ? 0 : mode_of(&j, target));
	if (op->flags & MOUNT_COPY_UP && !made)
		copy_up(c, j.name, j.target, target, tree, op->flags & MOUNT_COPY_ROOT);
	/* On a root that stays detached, a mount can be changed before it is there only. */
	bool before = c->plan->flags & PLAN_CHROOT;
	if (before)
		propagate(&j, tree);
	target_attach(c, j.name, tree, target, j.target);
	sys(close, target);
	if (!before)
		propagate(&j, tree);
	if (op->flags & TARGET_ROOT)
		cover_root(c, op, tree);
	if (op->flags & MOUNT_READONLY_LATE)
		op->tree = tree;
	else if (tree != c->root)
		sys(close, tree);
}

void mounts_perform(struct child *c)
{
	struct mount_op *ops = child_list(c, c->plan->mounts);

	for (uint32_t i = 0; i < c->plan->n_mounts; i++)
		perform(c, &ops[i]);
}

void mounts_make_readonly(struct child *c)
{
	const struct mount_op *ops = child_list(c, c->plan->mounts);

	for (uint32_t i = 0; i < c->plan->n_mounts; i++) {
		if (!(ops[i].flags & MOUNT_READONLY_LATE))
			continue;
		long r = mount_change(ops[i].tree, 0, MOUNT_ATTR_RDONLY, 0, 0);
		if (r < 0)
			child_fail(c, (int)r, "%s: make '%s' read-only", child_text(c, ops[i].name),
				child_text(c, ops[i].target));
		if (ops[i].tree != c->root)
			sys(close, ops[i].tree);
	}
}
