/*
 * The files of a plan: the root, mounts, devices, masks.
 *
 * Everything that comes from the host is opened and given its flags here, as a detached tree, and
 * handed to the child: no path of the host is resolved once anything of the container exists.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "runtime/plan.h"
#include "spec/mounts.h"

struct files {
	const struct spec *spec;
	const struct plan_inputs *in;
	struct draft *draft;
	bool user_namespace, shared_root;
	bool dev_is_bind; /* the host's /dev, or another: nothing is made in it */
};

static const struct {
	const char *name;
	uint64_t kind;
} propagations[] = {
	{ "shared", MS_SHARED },
	{ "rshared", MS_SHARED | MS_REC },
	{ "slave", MS_SLAVE },
	{ "rslave", MS_SLAVE | MS_REC },
	{ "private", MS_PRIVATE },
	{ "rprivate", MS_PRIVATE | MS_REC },
	{ "unbindable", MS_UNBINDABLE },
	{ "runbindable", MS_UNBINDABLE | MS_REC },
};

/* A clone of `path`'s mount, attached nowhere, cut off from what it is a clone of. */
static int clone_tree(int dirfd, const char *path, bool recursive, uint64_t set, uint64_t clear,
	uint64_t propagation)
{
	unsigned depth = recursive ? AT_RECURSIVE : 0;
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear };
	struct mount_attr cut = { .propagation = propagation };
	autofd int fd = open_tree(dirfd, path,
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | depth | (*path ? 0 : AT_EMPTY_PATH));

	if (fd < 0)
		return -errno;
	/* One call where one will do: the flags are for the top mount, propagation for all. */
	if (!recursive)
		attr.propagation = propagation;
	else if (propagation &&
		 mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &cut, sizeof(cut)) < 0)
		return -errno;
	if ((attr.attr_set || attr.attr_clr || attr.propagation) &&
		mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return take_fd(&fd);
}

static int plan_root(struct files *f, struct err *e)
{
	const struct root_spec *root = f->spec->root;
	const char *wanted = f->spec->linux_.rootfs_propagation;
	struct init_plan *plan = &f->draft->plan;
	int fd = f->in->rootfs;

	if (fd < 0) {
		struct stat st;
		if (fstatat(f->in->bundle_fd, root->path, &st, 0) < 0)
			return err_say(e, errno, "root.path: rootfs '%s' in '%s': %s", root->path,
				f->in->bundle,
				errno == ENOENT ? "it does not exist" : err_reason(errno));
		if (!S_ISDIR(st.st_mode))
			return err_say(e, ENOTDIR,
				"root.path: rootfs '%s' in '%s': it is not a directory", root->path,
				f->in->bundle);
		/* Never shared here: pivot_root(2) refuses a new root that is. What is to be
		 * shared becomes so at the end, and has what the host mounts below until then. */
		bool receives = wanted && (strstr(wanted, "shared") || strstr(wanted, "slave"));
		fd = clone_tree(
			f->in->bundle_fd, root->path, true, 0, 0, receives ? MS_SLAVE : MS_PRIVATE);
	}
	if (fd < 0)
		return err_set(e, -fd, "root.path: open '%s'", root->path);
	plan->rootfs = draft_fd(f->draft, fd);
	plan->flags |= PLAN_ROOTFS | (root->readonly ? (uint32_t)PLAN_ROOT_READONLY : 0);
	plan->root_propagation = f->shared_root ? MS_SLAVE : MS_PRIVATE;
	for (size_t i = 0; wanted && i < sizeof(propagations) / sizeof(propagations[0]); i++)
		if (strcmp(wanted, propagations[i].name) == 0)
			plan->final_propagation = propagations[i].kind;
	return 0;
}

static place plan_texts(struct draft *d, char *const *data, size_t n)
{
	autofree place *params = calloc(n + 1, sizeof(*params));

	if (!params) {
		d->block.failed = true;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		params[i] = draft_text(d, data[i]);
	return draft_list(d, params, n * sizeof(*params));
}

/* Where a bind mount's source is a file, its mount point is one too. */
static int plan_tree(struct files *f, struct mount_op *op, const char *name, int dirfd,
	const char *path, const struct mount_flags *flags, struct err *e)
{
	bool recursive = flags->bits & MOUNT_RBIND;
	int fd = clone_tree(dirfd, path, recursive, flags->attr_set, flags->attr_clear,
		f->shared_root ? 0 : MS_SLAVE);
	struct stat st;

	if (fd < 0)
		return err_set(e, -fd, "%s: bind source '%s'", name, path);
	op->kind = MOUNT_KIND_TREE;
	op->tree = draft_fd(f->draft, fd);
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "%s: look at bind source '%s'", name, path);
	if (!S_ISDIR(st.st_mode))
		op->flags |= TARGET_FILE;
	return 0;
}

static bool is_type(const struct mount_spec *m, const char *type)
{
	return m->type && strcmp(m->type, type) == 0;
}

/* What the mount really is: some are something else under some namespaces. */
static int plan_source(struct files *f, struct mount_op *op, const char *name,
	const struct mount_spec *m, const struct mount_flags *flags, struct err *e)
{
	const struct spec *spec = f->spec;
	bool cgroup = is_type(m, "cgroup") || is_type(m, "cgroup2");

	if (flags->bits & MOUNT_REMOUNT && !(flags->bits & (MOUNT_BIND | MOUNT_RBIND))) {
		op->kind = MOUNT_KIND_CHANGE;
		return 0;
	}
	if (flags->bits & (MOUNT_BIND | MOUNT_RBIND)) {
		if (!m->source)
			return err_say(e, EINVAL, "%s: a bind mount needs a source", name);
		return plan_tree(f, op, name, f->in->bundle_fd, m->source, flags, e);
	}
	/* Without a cgroup namespace the container sees its own group as it is on the host. */
	if (cgroup && !spec_namespace(spec, CLONE_NEWCGROUP) && f->in->cgroup >= 0)
		return plan_tree(f, op, name, f->in->cgroup, "", flags, e);
	/* A sysfs shows a network namespace: a user namespace that does not own one may not mount
	 * it. */
	if (is_type(m, "sysfs") && f->user_namespace && !spec_namespace(spec, CLONE_NEWNET)) {
		struct mount_flags all = *flags;
		all.bits |= MOUNT_RBIND;
		return plan_tree(f, op, name, AT_FDCWD, "/sys", &all, e);
	}
	if (!m->type || is_type(m, "none") || is_type(m, "bind"))
		return err_say(
			e, EINVAL, "%s: neither a file system type nor the option 'bind'", name);
	op->kind = MOUNT_KIND_NEW;
	op->type = draft_text(f->draft, cgroup ? "cgroup2" : m->type);
	op->source = draft_text(f->draft, m->source);
	op->params = plan_texts(f->draft, (char *const *)flags->data, flags->n_data);
	op->n_params = (uint32_t)flags->n_data;
	return 0;
}

static int plan_mount(struct files *f, size_t i, struct mount_op *op, struct err *e)
{
	static const char *const ordinary[] = { "/proc", "/sys", "/dev" };
	const struct mount_spec *m = &f->spec->mounts[i];
	automatic(mount_flags) struct mount_flags flags = { 0 };
	char name[32];

	snprintf(name, sizeof(name), "mounts[%zu]", i);
	int r = mount_flags_parse(m, &flags, e);
	if (r < 0)
		return err_while(e, "%s", name);
	if (flags.bits & MOUNT_TMPCOPYUP)
		return err_say(
			e, ENOTSUP, "%s.options: tmpcopyup is not supported by this version", name);
	*op = (struct mount_op){ .name = draft_text(f->draft, name),
		.target = draft_text(f->draft, m->destination),
		.tree = -1,
		.attr_set = flags.attr_set,
		.attr_clear = flags.attr_clear,
		.rec_set = flags.rec_set,
		.rec_clear = flags.rec_clear,
		.n_propagation = (uint32_t)flags.n_propagation };
	memcpy(op->propagation, flags.propagation, sizeof(op->propagation));
	if (is_type(m, "proc") || is_type(m, "sysfs"))
		op->flags |= TARGET_ORDINARY;
	for (size_t k = 0; k < sizeof(ordinary) / sizeof(ordinary[0]); k++)
		if (strcmp(m->destination, ordinary[k]) == 0)
			op->flags |= TARGET_ORDINARY;
	if (strcmp(m->destination, "/dev") == 0)
		f->dev_is_bind = flags.bits & (MOUNT_BIND | MOUNT_RBIND);
	return plan_source(f, op, name, m, &flags, e);
}

static int plan_mounts(struct files *f, struct err *e)
{
	size_t n = f->spec->n_mounts;
	autofree struct mount_op *ops = calloc(n + 1, sizeof(*ops));

	if (!ops)
		return err_set(e, ENOMEM, "draw up the mounts");
	for (size_t i = 0; i < n; i++) {
		int r = plan_mount(f, i, &ops[i], e);
		if (r < 0)
			return r;
	}
	f->draft->plan.n_mounts = (uint32_t)n;
	f->draft->plan.mounts = draft_list(f->draft, ops, n * sizeof(*ops));
	return 0;
}

/* runtime-spec config-linux.md, "Default Devices". */
static const struct {
	const char *path;
	unsigned major, minor;
} default_devices[] = {
	{ "/dev/null", 1, 3 },
	{ "/dev/zero", 1, 5 },
	{ "/dev/full", 1, 7 },
	{ "/dev/random", 1, 8 },
	{ "/dev/urandom", 1, 9 },
	{ "/dev/tty", 5, 0 },
};
enum { N_DEFAULT_DEVICES = sizeof(default_devices) / sizeof(default_devices[0]) };

/* A device of the host as a tree; it must be the one that was meant, and not just of its number. */
static int device_tree(const char *path, unsigned mode, unsigned major, unsigned minor,
	uint64_t set, struct err *e)
{
	autofd int fd = clone_tree(AT_FDCWD, path, false, set, 0, MS_PRIVATE);
	struct stat st;

	if (fd < 0)
		return err_set(e, -fd, "open the host's '%s'", path);
	if (fstat(fd, &st) < 0 || (st.st_mode & S_IFMT) != (mode & S_IFMT) ||
		st.st_rdev != makedev(major, minor))
		return err_say(e, ENODEV, "open the host's '%s': it is not the device %u:%u", path,
			major, minor);
	return take_fd(&fd);
}

static int plan_device(struct files *f, const char *path, struct plan_device *row, struct err *e)
{
	row->path = draft_text(f->draft, path);
	row->tree = -1;
	if (!f->user_namespace || (row->mode & S_IFMT) == S_IFIFO)
		return 0;
	/* mknod() is refused in a user namespace, and nodes on its file systems do not open. */
	int fd = device_tree(path, row->mode, row->major, row->minor, 0, e);
	if (fd < 0)
		return fd;
	row->tree = draft_fd(f->draft, fd);
	return 0;
}

static struct plan_device device_row(const struct device_spec *s)
{
	static const unsigned formats[] = {
		[DEVICE_CHAR] = S_IFCHR, [DEVICE_BLOCK] = S_IFBLK, [DEVICE_FIFO] = S_IFIFO
	};

	return (struct plan_device){
		.mode = formats[s->type] | (s->mode.set ? (unsigned)s->mode.value & 07777 : 0666),
		.major = s->major.set ? (uint32_t)s->major.value : 0,
		.minor = s->minor.set ? (uint32_t)s->minor.value : 0,
		.uid = s->uid.set ? (uint32_t)s->uid.value : 0,
		.gid = s->gid.set ? (uint32_t)s->gid.value : 0,
	};
}

static int plan_devices(struct files *f, struct err *e)
{
	const struct linux_spec *l = &f->spec->linux_;
	autofree struct plan_device *rows = calloc(N_DEFAULT_DEVICES + l->n_devices, sizeof(*rows));
	uint32_t n = 0;
	int r = 0;

	if (!rows)
		return err_set(e, ENOMEM, "draw up the devices");
	for (size_t i = 0; r == 0 && !f->dev_is_bind && i < N_DEFAULT_DEVICES; i++) {
		rows[n] = (struct plan_device){ .mode = S_IFCHR | 0666,
			.major = default_devices[i].major,
			.minor = default_devices[i].minor };
		r = plan_device(f, default_devices[i].path, &rows[n++], e);
	}
	for (size_t i = 0; r == 0 && i < l->n_devices; i++) {
		rows[n] = device_row(&l->devices[i]);
		r = plan_device(f, l->devices[i].path, &rows[n++], e);
	}
	if (r < 0)
		return r;
	if (!f->dev_is_bind)
		f->draft->plan.flags |= PLAN_DEV;
	f->draft->plan.n_devices = n;
	f->draft->plan.devices = draft_list(f->draft, rows, n * sizeof(*rows));
	return 0;
}

static int plan_masks(struct files *f, struct err *e)
{
	const struct linux_spec *l = &f->spec->linux_;
	struct init_plan *plan = &f->draft->plan;

	plan->n_masked = (uint32_t)l->n_masked_paths;
	plan->masked = plan_texts(f->draft, l->masked_paths, l->n_masked_paths);
	plan->n_readonly = (uint32_t)l->n_readonly_paths;
	plan->readonly = plan_texts(f->draft, l->readonly_paths, l->n_readonly_paths);
	if (!plan->n_masked)
		return 0;
	int fd = device_tree("/dev/null", S_IFCHR, 1, 3, MOUNT_ATTR_RDONLY, e);
	if (fd < 0)
		return fd;
	plan->null_tree = draft_fd(f->draft, fd);
	return 0;
}

int plan_files(
	const struct spec *spec, const struct plan_inputs *in, struct draft *d, struct err *e)
{
	const char *wanted = spec->linux_.rootfs_propagation;
	struct files f = { .spec = spec,
		.in = in,
		.draft = d,
		.user_namespace = spec_namespace(spec, CLONE_NEWUSER),
		.shared_root = wanted && strstr(wanted, "shared") };
	const struct namespace_spec *mount_ns = spec_namespace(spec, CLONE_NEWNS);

	if (!mount_ns)
		return err_say(e, EINVAL,
			"linux.namespaces: a mount namespace is needed, and none is listed");
	/* Joining one, the files are those that are there. */
	if (mount_ns->path)
		return 0;
	int r = plan_root(&f, e);
	if (r == 0)
		r = plan_mounts(&f, e);
	if (r == 0)
		r = plan_devices(&f, e);
	if (r == 0)
		r = plan_masks(&f, e);
	return r;
}
