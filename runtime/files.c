/*
 * The files of a plan: the root, devices, masks; mounts are in mounts.c.
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
#include "runtime/prepared.h"
#include "runtime/tree.h"

struct files {
	const struct spec *spec;
	const struct plan_inputs *in;
	struct draft *draft;
	bool user_namespace;
	bool dev_is_bind; /* the host's /dev, or another: nothing is made in it */
	int dev;	  /* the container's, if it is there already; borrowed */
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
		const struct tree_wish wish = { .recursive = true,
			.propagation = receives ? MS_SLAVE : MS_PRIVATE };
		fd = tree_make(f->in->bundle_fd, root->path, &wish);
	}
	if (fd < 0)
		return err_set(e, -fd, "root.path: open '%s'", root->path);
	plan->rootfs = draft_fd(f->draft, fd);
	plan->flags |= PLAN_ROOTFS | (root->readonly ? (uint32_t)PLAN_ROOT_READONLY : 0);
	plan->root_propagation = wanted && strstr(wanted, "shared") ? MS_SLAVE : MS_PRIVATE;
	for (size_t i = 0; wanted && i < sizeof(propagations) / sizeof(propagations[0]); i++)
		if (strcmp(wanted, propagations[i].name) == 0)
			plan->final_propagation = propagations[i].kind;
	return 0;
}

/* runtime-spec config-linux.md, "Default Devices". */
static const struct prepared_device default_devices[] = {
	{ "null", S_IFCHR | 0666, 1, 3 },
	{ "zero", S_IFCHR | 0666, 1, 5 },
	{ "full", S_IFCHR | 0666, 1, 7 },
	{ "random", S_IFCHR | 0666, 1, 8 },
	{ "urandom", S_IFCHR | 0666, 1, 9 },
	{ "tty", S_IFCHR | 0666, 5, 0 },
};
enum { N_DEFAULT_DEVICES = sizeof(default_devices) / sizeof(default_devices[0]) };

/* A device of the host as a tree; it must be the one that was meant, and not just of its number. */
static int device_tree(const char *path, unsigned mode, unsigned major, unsigned minor,
	uint64_t set, struct err *e)
{
	const struct tree_wish wish = { .set = set, .propagation = MS_PRIVATE };
	autofd int fd = tree_make(AT_FDCWD, path, &wish);
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
	const bool there = f->dev >= 0 && prepared_dev(f->dev, default_devices, N_DEFAULT_DEVICES);
	for (size_t i = 0; r == 0 && !f->dev_is_bind && !there && i < N_DEFAULT_DEVICES; i++) {
		const struct prepared_device *d = &default_devices[i];
		char path[16];
		rows[n] = (struct plan_device){
			.mode = d->mode, .major = d->major, .minor = d->minor
		};
		snprintf(path, sizeof(path), "/dev/%s", d->name);
		r = plan_device(f, path, &rows[n++], e);
	}
	for (size_t i = 0; r == 0 && i < l->n_devices; i++) {
		/* A link to the one of its own /dev/pts, which a node would look for as well; of the
		 * host's, bound in a user namespace, there is none beside it. */
		if (!f->dev_is_bind && strcmp(l->devices[i].path, "/dev/ptmx") == 0)
			continue;
		rows[n] = device_row(&l->devices[i]);
		r = plan_device(f, l->devices[i].path, &rows[n++], e);
	}
	if (r < 0)
		return r;
	if (!f->dev_is_bind && !there)
		f->draft->plan.flags |= PLAN_DEV;
	f->draft->plan.n_devices = n;
	f->draft->plan.devices = draft_list(f->draft, rows, n * sizeof(*rows));
	return 0;
}

/*
 * The empty directory that covers others is only made where one is to be expected: to end one that was attached nowhere
 * costs more than it saves.
 */
static void prepare_mask(struct files *f)
{
	static const char *const words[] = { "nr_blocks=1" };
	const struct linux_spec *l = &f->spec->linux_;
	bool wanted = false;
	struct stat st;

	for (size_t i = 0; !wanted && i < l->n_masked_paths; i++)
		wanted = str_starts(l->masked_paths[i], "/proc/") &&
			 stat(l->masked_paths[i], &st) == 0 && S_ISDIR(st.st_mode);
	if (wanted && plan_prepares(f->spec, f->in))
		f->draft->plan.empty_tree =
			draft_fd(f->draft, prepared_make("tmpfs", NULL, words, 1,
						   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
							   MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
}

static int plan_masks(struct files *f, struct err *e)
{
	const struct linux_spec *l = &f->spec->linux_;
	struct init_plan *plan = &f->draft->plan;

	plan->n_masked = (uint32_t)l->n_masked_paths;
	plan->masked = draft_texts(f->draft, l->masked_paths, l->n_masked_paths);
	plan->n_readonly = (uint32_t)l->n_readonly_paths;
	plan->readonly = draft_texts(f->draft, l->readonly_paths, l->n_readonly_paths);
	if (!plan->n_masked)
		return 0;
	int fd = device_tree("/dev/null", S_IFCHR, 1, 3, MOUNT_ATTR_RDONLY, e);
	if (fd < 0)
		return fd;
	plan->null_tree = draft_fd(f->draft, fd);
	prepare_mask(f);
	return 0;
}

int plan_files(
	const struct spec *spec, const struct plan_inputs *in, struct draft *d, struct err *e)
{
	struct files f = { .spec = spec,
		.in = in,
		.draft = d,
		.dev = -1,
		.user_namespace = in->inside || spec_namespace(spec, CLONE_NEWUSER) };
	const mode_t ours = umask(0); /* for what is made here: as the child does it */
	int r = plan_root(&f, e);

	if (!spec_has_own_mounts(spec))
		d->plan.flags |= PLAN_CHROOT;
	if (r == 0)
		r = plan_mounts(spec, in, d, &f.dev_is_bind, &f.dev, e);
	if (r == 0)
		r = plan_devices(&f, e);
	if (r == 0)
		r = plan_masks(&f, e);
	umask(ours);
	return r;
}
