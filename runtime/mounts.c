/*
 * config.json's mounts as operations of the plan.
 *
 * What comes from the host is cloned, id-mapped and given its flags here; a file system of the
 * container's own is made by the child, whose namespaces it shows, or here where it shows none
 * (prepared.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "cgroup/hierarchy.h"
#include "cgroup/rights.h"
#include "runtime/idmap.h"
#include "runtime/plan.h"
#include "runtime/prepared.h"
#include "runtime/tree.h"
#include "spec/base/log.h"
#include "spec/mounts.h"

enum { PREPARED_MAX = 16 }; /* each takes a file descriptor of ours, and one of the child's */

struct mounts {
	const struct spec *spec;
	const struct plan_inputs *in;
	struct draft *draft;
	struct idmaps idmaps;
	bool user_namespace, shared_root;
	bool prepares; /* what belongs to no other namespace is made here */
	size_t n_prepared;
};

/* One mount while it is planned. */
struct job {
	const struct mount_spec *spec;
	size_t i;
	char name[32]; /* "mounts[3]" */
	struct mount_flags flags;
	struct mount_op *op;
};

static bool is_type(const struct mount_spec *m, const char *type)
{
	return m->type && strcmp(m->type, type) == 0;
}

static bool is_dev(const struct mount_spec *m)
{
	char path[PATH_MAX];

	mount_clean_path(m->destination, path);
	return strcmp(path, "/dev") == 0;
}

/*
 * How a clone stands to what it is cloned from: by rootfsPropagation, or by the mount's own first
 * word, which then needs no call of its own. Never a peer unless "shared" was said for the root.
 */
static uint64_t first_propagation(const struct mounts *m, struct mount_op *op)
{
	uint64_t first = op->n_propagation ? op->propagation[0] : 0;

	if (first != (MS_REC | MS_PRIVATE) && first != (MS_REC | MS_SLAVE))
		return m->shared_root ? 0 : MS_SLAVE;
	op->n_propagation--;
	memmove(op->propagation, op->propagation + 1, op->n_propagation * sizeof(uint64_t));
	return first & ~(uint64_t)MS_REC;
}

/* The flags of a bind in a user namespace depend on those of its source: of the clone, since its
 * path may mean something else by now. */
static int keep_locked(struct job *j, int tree, const char *path, struct err *e)
{
	uint64_t source = 0;
	int r = tree_flags(tree, &source);

	if (r < 0)
		return err_set(e, -r, "%s: bind source '%s'", j->name, path);
	return mount_flags_keep_locked(&j->flags, source, j->name, e);
}

static int map_tree(struct mounts *m, const struct job *j, int fd, struct err *e)
{
	automatic(mount_maps) struct mount_maps maps = { 0 };
	int r = mount_maps_read(m->spec, j->i, &maps, e);

	if (r < 0 || maps.kind == MOUNT_MAPS_NONE)
		return r;
	/* mount_setattr(2): by who is root where the file system was mounted, and that is the host. */
	if (m->in->inside)
		return err_say(e, EPERM, "%s: id-map '%s': only the host's root may", j->name,
			j->spec->source);
	bool recursive = maps.recursive;
	int user = idmaps_open(&m->idmaps, m->spec, &maps, e);
	if (user < 0)
		return err_while(e, "%s", j->name);
	r = tree_map(fd, user, recursive);
	if (r == -EINVAL)
		return err_say(e, EINVAL,
			"%s: id-map '%s': its file system cannot be id-mapped on this kernel%s",
			j->name, j->spec->source, recursive ? ", or one below it" : "");
	return r < 0 ? err_set(e, -r, "%s: id-map '%s'", j->name, j->spec->source) : 0;
}

/* Where a bind mount's source is a file, its mount point is one too. */
static int plan_tree(
	struct mounts *m, struct job *j, int dirfd, const char *path, bool recursive, struct err *e)
{
	const struct mount_flags *f = &j->flags;
	struct stat st;
	autofd int fd = tree_clone(dirfd, path, recursive);
	int r = fd;

	/* What lies below a mount of the host may hide something: mount_namespaces(7), locked mounts. */
	if (fd == -EINVAL && m->in->inside && !recursive)
		return err_say(e, EINVAL,
			"%s: bind source '%s': has mounts below it, which only the host's root may leave out (hint: rbind)",
			j->name, path);
	if (fd < 0)
		return err_set(e, -fd, "%s: bind source '%s'", j->name, path);
	if (m->user_namespace && (f->has_flags || f->rec_clear))
		r = keep_locked(j, fd, path, e);
	if (r < 0)
		return r;
	const struct tree_wish wish = { .recursive = recursive,
		.rec_set = f->rec_set,
		.rec_clear = f->rec_clear,
		.set = f->attr_set,
		.clear = f->attr_clear,
		.propagation = first_propagation(m, j->op) };
	r = tree_change(fd, &wish);
	if (r < 0)
		return err_set(e, -r, "%s: set the flags of bind source '%s'", j->name, path);
	j->op->kind = MOUNT_KIND_TREE;
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "%s: look at bind source '%s'", j->name, path);
	if (!S_ISDIR(st.st_mode))
		j->op->flags |= TARGET_FILE;
	r = map_tree(m, j, fd, e);
	if (r == 0)
		j->op->tree = draft_fd(m->draft, take_fd(&fd));
	return r;
}

/* "sizee=1" of a bind: mount(2) would not even look at it. */
static void warn_of_data(const struct job *j)
{
	for (size_t i = 0; i < j->flags.n_data; i++)
		if (!strstr(j->flags.data[i], "idmap="))
			log_warn(
				"%s.options: '%.80s' means nothing to a bind mount, and is ignored",
				j->name, j->flags.data[i]);
}

static int plan_bind(struct mounts *m, struct job *j, struct err *e)
{
	if (!j->spec->source)
		return err_say(e, EINVAL, "%s: a bind mount needs a source", j->name);
	warn_of_data(j);
	return plan_tree(m, j, m->in->bundle_fd, j->spec->source, j->flags.bits & MOUNT_RBIND, e);
}

/* File systems that show a namespace: where they may not be mounted, the host's is there in their place. */
static const struct shown {
	const char *type;
	int of;
	const char *ours, *at;
} shown[] = {
	{ "sysfs", CLONE_NEWNET, "/proc/self/ns/net", "/sys" },
	{ "proc", CLONE_NEWPID, "/proc/self/ns/pid", "/proc" },
};

static const struct shown *shown_by(const struct mount_spec *s)
{
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (is_type(s, shown[i].type))
			return &shown[i];
	return NULL;
}

/*
 * They may be mounted where the user namespace owns that one: not where the network, or the
 * processes, are the host's, or of a namespace that was made before the user namespace.
 */
static bool may_show(const struct mounts *m, const struct shown *what)
{
	const struct namespace_spec *its = spec_namespace(m->spec, what->of);
	const struct namespace_spec *user = spec_namespace(m->spec, CLONE_NEWUSER);
	struct stat wanted, owner;

	if (!m->user_namespace || (its && !namespace_is_joined(its)))
		return true;
	if (user && (!its || !namespace_is_joined(user)))
		return false;
	autofd int fd = open(its ? its->path : what->ours, O_RDONLY | O_CLOEXEC);
	autofd int owned_by = fd < 0 ? -1 : ioctl(fd, NS_GET_USERNS);
	return owned_by >= 0 && fstat(owned_by, &owner) == 0 &&
	       stat(user ? user->path : "/proc/self/ns/user", &wanted) == 0 &&
	       owner.st_ino == wanted.st_ino;
}

/* With the flags for all of it: the cgroups of the host lie below /sys. */
static int plan_hosts(struct mounts *m, struct job *j, const char *path, struct err *e)
{
	struct mount_flags *f = &j->flags;

	f->rec_set |= f->attr_set & ~(uint64_t)(MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME);
	f->attr_set = f->rec_set;
	f->attr_clear = f->rec_clear = 0;
	f->has_flags = f->has_atime = false;
	return plan_tree(m, j, AT_FDCWD, path, true, e);
}

/* It has none of its own, and is born in ours. */
static int plan_our_group(struct mounts *m, struct job *j, struct err *e)
{
	autofd int root = -1;
	int r = hierarchy_open(&root, e);
	autofd int group = r < 0 ? -1 : rights_own_group(root);

	if (r == 0 && group < 0)
		r = err_set(e, -group, "%s: open our own cgroup", j->name);
	return r < 0 ? r : plan_tree(m, j, group, "", false, e);
}

/* A word of SELinux: config-linux.md, "Linux Mount Label". These take none, or no such option. */
static bool takes_label(const struct mount_spec *m)
{
	static const char *const without[] = { "proc", "sysfs", "mqueue", "cgroup", "cgroup2" };

	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		if (is_type(m, without[i]))
			return false;
	return true;
}

/* The file system's own words, and the label for all of its files. */
static int plan_params(struct mounts *m, const struct job *j, const char *label, struct err *e)
{
	size_t n = j->flags.n_data;
	autofree char *context = label && *label ? str_format("context=%s", label) : NULL;
	autofree const char **words = calloc(n + 1, sizeof(*words));

	if (!words || (label && *label && !context))
		return err_set(e, ENOMEM, "%s", j->name);
	memcpy(words, j->flags.data, n * sizeof(*words));
	if (context)
		words[n++] = context;
	j->op->n_params = (uint32_t)n;
	j->op->params = draft_texts(m->draft, (char *const *)words, n);
	return 0;
}

static bool has_word(const struct mount_flags *f, const char *prefix)
{
	for (size_t i = 0; i < f->n_data; i++)
		if (str_starts(f->data[i], prefix))
			return true;
	return false;
}

static void plan_tmpfs(struct job *j)
{
	const struct mount_flags *f = &j->flags;
	bool has_mode = has_word(f, "mode=");

	if (!has_mode)
		j->op->flags |= MOUNT_TAKE_MODE;
	if (!(f->bits & MOUNT_TMPCOPYUP))
		return;
	j->op->flags |= MOUNT_COPY_UP;
	if (!has_mode && !has_word(f, "uid=") && !has_word(f, "gid="))
		j->op->flags |= MOUNT_COPY_ROOT;
}

/* What depends on what lies there is the child's. */
static void prepare(struct mounts *m, struct job *j, const char *type)
{
	struct mount_op *op = j->op;
	const uint64_t late = op->flags & MOUNT_READONLY_LATE ? MOUNT_ATTR_RDONLY : 0;

	if (!m->prepares || m->n_prepared == PREPARED_MAX ||
		op->flags & (MOUNT_TAKE_MODE | MOUNT_COPY_UP) || !prepared_can(type))
		return;
	op->tree = draft_fd(
		m->draft, prepared_make(type, j->spec->source, (const char *const *)j->flags.data,
				  j->flags.n_data, op->attr_set & ~late));
	if (op->tree < 0)
		return;
	op->kind = MOUNT_KIND_TREE;
	m->n_prepared++;
}

static int plan_new(struct mounts *m, struct job *j, const char *type, struct err *e)
{
	struct mount_op *op = j->op;

	op->kind = MOUNT_KIND_NEW;
	if (strcmp(type, "tmpfs") == 0)
		plan_tmpfs(j);
	else if (j->flags.bits & MOUNT_TMPCOPYUP)
		return err_say(e, EINVAL, "%s.options: 'tmpcopyup' is for the type tmpfs, not '%s'",
			j->name, type);
	/* What is mounted below it, and the nodes of /dev, have to be made in it first. */
	if (spec_has_own_mounts(m->spec) && op->attr_set & MOUNT_ATTR_RDONLY &&
		(strcmp(type, "tmpfs") == 0 || is_dev(j->spec)))
		op->flags |= MOUNT_READONLY_LATE;
	op->type = draft_text(m->draft, type);
	op->source = draft_text(m->draft, j->spec->source);
	int r = plan_params(m, j, takes_label(j->spec) ? m->spec->linux_.mount_label : NULL, e);
	if (r == 0)
		prepare(m, j, type);
	return r;
}

/* What the mount really is: some are something else under some namespaces. */
static int plan_source(struct mounts *m, struct job *j, struct err *e)
{
	const struct mount_spec *s = j->spec;
	bool cgroup = is_type(s, "cgroup") || is_type(s, "cgroup2");

	if (j->flags.bits & MOUNT_REMOUNT) {
		j->op->kind = MOUNT_KIND_CHANGE;
		j->op->type = draft_text(m->draft, s->type && *s->type ? s->type : "what is");
		return plan_params(m, j, NULL, e);
	}
	if (mount_flags_is_bind(&j->flags))
		return plan_bind(m, j, e);
	/* Without a cgroup namespace the container sees its own group as it is on the host; in a user
	 * namespace nothing else can be mounted then. */
	if (cgroup && !spec_namespace(m->spec, CLONE_NEWCGROUP) && m->in->cgroup >= 0)
		return plan_tree(m, j, m->in->cgroup, "", false, e);
	if (cgroup && !spec_namespace(m->spec, CLONE_NEWCGROUP) && m->user_namespace)
		return plan_our_group(m, j, e);
	if (shown_by(s) && !may_show(m, shown_by(s)))
		return plan_hosts(m, j, shown_by(s)->at, e);
	if (!s->type || is_type(s, "none") || is_type(s, "bind"))
		return err_say(
			e, EINVAL, "%s: neither a file system type nor the option 'bind'", j->name);
	return plan_new(m, j, cgroup ? "cgroup2" : s->type, e);
}

/*
 * Where it goes, in the form in which it was judged. /proc, /sys and /dev are what the runtime, and
 * privileged programs in the container, go by.
 */
static void plan_target(struct mounts *m, struct job *j)
{
	static const char *const ordinary[] = { "/proc", "/sys", "/dev" };
	char path[PATH_MAX];

	mount_clean_path(j->spec->destination, path);
	j->op->target = draft_text(m->draft, *path ? path : "/");
	if (!*path && !(j->flags.bits & MOUNT_REMOUNT))
		j->op->flags |= TARGET_ROOT;
	if (is_type(j->spec, "proc") || is_type(j->spec, "sysfs"))
		j->op->flags |= TARGET_ORDINARY;
	for (size_t k = 0; k < sizeof(ordinary) / sizeof(ordinary[0]); k++)
		if (strcmp(path, ordinary[k]) == 0)
			j->op->flags |= TARGET_ORDINARY;
}

/* A root that stays detached is cloned once more, with what is mounted on it. */
static int check_propagation(const struct mounts *m, const struct job *j, struct err *e)
{
	for (size_t i = 0; i < j->flags.n_propagation && !spec_has_own_mounts(m->spec); i++)
		if (j->flags.propagation[i] & MS_UNBINDABLE)
			return err_say(e, EINVAL,
				"%s.options: 'unbindable' needs a mount namespace of the container's own",
				j->name);
	return 0;
}

static int plan_mount(
	struct mounts *m, size_t i, struct mount_op *op, bool *ret_dev_is_bound, struct err *e)
{
	struct job j = { .spec = &m->spec->mounts[i], .i = i, .op = op };

	snprintf(j.name, sizeof(j.name), "mounts[%zu]", i);
	int r = mount_flags_parse(j.spec, &j.flags, e);
	if (r < 0)
		return err_while(e, "%s", j.name);
	*op = (struct mount_op){ .name = draft_text(m->draft, j.name),
		.tree = -1,
		.attr_set = j.flags.attr_set,
		.attr_clear = j.flags.attr_clear,
		.rec_set = j.flags.rec_set,
		.rec_clear = j.flags.rec_clear,
		.n_propagation = (uint32_t)j.flags.n_propagation };
	memcpy(op->propagation, j.flags.propagation, sizeof(op->propagation));
	plan_target(m, &j);
	if (is_dev(j.spec) && !(j.flags.bits & MOUNT_REMOUNT))
		*ret_dev_is_bound = mount_flags_is_bind(&j.flags);
	r = check_propagation(m, &j, e);
	if (r == 0)
		r = plan_source(m, &j, e);
	mount_flags_done(&j.flags);
	return r;
}

/* selinuxfs is there when SELinux is on, whether anybody mounted it or not. */
static int check_label(const struct spec *s, struct err *e)
{
	const char *label = s->linux_.mount_label;

	if (!label || !*label)
		return 0;
	autofd int fd = fsopen("selinuxfs", FSOPEN_CLOEXEC);
	if (fd < 0)
		return err_say(e, ENOTSUP,
			"linux.mountLabel: '%.80s': SELinux is not enabled in this kernel", label);
	return 0;
}

/*
 * A new /dev that was made here and stays the one that is seen, or -1. It gets the directories that are mounted on.
 * Where something else is mounted below it, a node or a link of ours could be in its way.
 */
static int prepare_dev(const struct mounts *m, const struct mount_op *ops, size_t n)
{
	const uint32_t odd = TARGET_FILE | MOUNT_TAKE_MODE | MOUNT_COPY_UP;
	int dev = -1;

	for (size_t i = 0; i < n && m->prepares; i++) {
		const char *target = m->draft->block.data + ops[i].target;
		bool is_dev = strcmp(target, "/dev") == 0;
		if (is_dev || strcmp(target, "/") == 0)
			dev = is_dev && ops[i].kind == MOUNT_KIND_TREE && ops[i].type
				      ? m->draft->fds[ops[i].tree]
				      : -1;
		if (dev < 0 || !str_starts(target, "/dev/"))
			continue;
		if (ops[i].kind == MOUNT_KIND_CHANGE || ops[i].flags & odd)
			return -1;
		if (!strchr(target + 5, '/') && mkdirat(dev, target + 5, 0755) < 0 &&
			errno != EEXIST)
			return -1;
	}
	return dev;
}

bool plan_prepares(const struct spec *spec, const struct plan_inputs *in)
{
	const char *label = spec->linux_.mount_label;

	/* A fork was not the faster for it. */
	return !in->inside && !spec_namespace(spec, CLONE_NEWUSER) && !in->template &&
	       !(label && *label) && spec_has_own_mounts(spec);
}

int plan_mounts(const struct spec *spec, const struct plan_inputs *in, struct draft *d,
	bool *ret_dev_is_bound, int *ret_dev, struct err *e)
{
	const char *wanted = spec->linux_.rootfs_propagation;
	struct mounts m = { .spec = spec,
		.in = in,
		.draft = d,
		.user_namespace = in->inside || spec_namespace(spec, CLONE_NEWUSER),
		.shared_root = wanted && strstr(wanted, "shared"),
		.prepares = plan_prepares(spec, in) };
	size_t n = spec->n_mounts;
	autofree struct mount_op *ops = calloc(n + 1, sizeof(*ops));

	if (!ops)
		return err_set(e, ENOMEM, "draw up the mounts");
	int r = check_label(spec, e);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = plan_mount(&m, i, &ops[i], ret_dev_is_bound, e);
	idmaps_done(&m.idmaps);
	*ret_dev = r == 0 && !d->block.failed ? prepare_dev(&m, ops, n) : -1;
	d->plan.n_mounts = (uint32_t)n;
	d->plan.mounts = draft_list(d, ops, n * sizeof(*ops));
	return r;
}
