/* A container's processes brought back, by CRIU. */
#include "runtime/restore.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "runtime/criu.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

#define ROOT_NAME "root"    /* beside the record: what the root is bound to, in CRIU's mounts */
#define PID_NAME "criu.pid" /* beside the record: whom it has made */

enum { STREAMS = 3, FDS_MAX = STREAMS + 1 };

/* descriptors.json: '["pipe:[7]", "file[1d:2a]", ...]'. What is none is passed over by CRIU. */
static int read_streams(const char *image, struct criu_words *w, int *fds, int *n, struct err *e)
{
	autofree char *path = str_format("%s/" CHECKPOINT_DESCRIPTORS, image);
	autofree char *text = NULL;
	size_t len;

	if (!path)
		return err_set(e, ENOMEM, "read '" CHECKPOINT_DESCRIPTORS "'");
	int r = fd_read_file(AT_FDCWD, path, 1 << 16, &text, &len, e);
	if (r < 0)
		return r;
	char *at = text;
	for (int fd = 0; fd < STREAMS; fd++) {
		char *from = strchr(at, '"'), *to = from ? strchr(from + 1, '"') : NULL;
		if (!to)
			return err_say(e, EINVAL, "'%s' does not name three streams", path);
		*to = '\0';
		at = to + 1;
		if (!str_starts(from + 1, "pipe:") && !str_starts(from + 1, "file["))
			continue;
		criu_add(w, "--inherit-fd");
		criu_add(w, "fd[%d]:%s", CRIU_FDS + *n, from + 1);
		fds[(*n)++] = fd;
	}
	return 0;
}

/* From here as at the start; what is below the bundle is so too. */
static int add_mounts(const struct spec *spec, struct criu_words *w, struct err *e)
{
	int r = criu_add_binds(w, spec, true, e);

	for (size_t i = 0; r == 0 && i < spec->linux_.n_masked_paths; i++) {
		criu_add(w, "--external");
		criu_add(w, "mnt[%s]:/dev/null", spec->linux_.masked_paths[i]);
	}
	return r;
}

/* The namespace, open, at `*ret`. */
static int add_network(
	const struct spec *spec, struct criu_words *w, int *ret, int *fds, int *n, struct err *e)
{
	const struct namespace_spec *net = spec_namespace(spec, CLONE_NEWNET);

	if (!net || !namespace_is_joined(net))
		return 0;
	*ret = open(net->path, O_RDONLY | O_CLOEXEC);
	if (*ret < 0)
		return err_set(e, errno, "open the network namespace '%s'", net->path);
	criu_add(w, "--inherit-fd");
	criu_add(w, "fd[%d]:extRootNetNS", CRIU_FDS + *n);
	fds[(*n)++] = *ret;
	return 0;
}

/* Our child: CRIU makes it a sibling of itself. */
static int adopt(const struct container *c, struct birth *ret, struct err *e)
{
	autofree char *text = NULL;
	struct birth b = BIRTH_NONE;
	uint64_t pid;
	size_t len;
	int r = fd_read_file(c->dir, PID_NAME, 64, &text, &len, e);

	unlinkat(c->dir, PID_NAME, 0);
	unlinkat(c->dir, ROOT_NAME, AT_REMOVEDIR);
	if (r < 0)
		return err_while(e, "hear whom CRIU has restored");
	text[strcspn(text, "\n")] = '\0';
	if (!str_to_u64(text, INT32_MAX, &pid) || !pid)
		return err_say(e, EPROTO, "hear whom CRIU has restored: '%.40s' is no pid", text);
	b.pid = (pid_t)pid;
	b.pidfd = pidfd_open(b.pid, 0);
	if (b.pidfd < 0)
		return err_set(e, errno, "open process %d", (int)b.pid);
	*ret = b;
	return 0;
}

int restore_process(const struct container *c, const struct checkpoint_options *o,
	struct birth *ret, struct err *e)
{
	automatic(criu_words) struct criu_words w = { 0 };
	autofree char *home = realpath(c->home->path, NULL);
	autofree char *here = home ? str_format("%s/%s", home, c->id) : NULL;
	autofree char *target = here ? str_format("%s/" ROOT_NAME, here) : NULL;
	const char *root = c->spec->root->path;
	autofree char *rootfs = *root == '/' ? strdup(root) : str_format("%s/%s", c->bundle, root);
	autofd int network = -1;
	int fds[FDS_MAX], n = 0, r = 0;

	if (!target || !rootfs)
		return err_set(e, ENOMEM, "restore container '%s'", c->id);
	if (mkdirat(c->dir, ROOT_NAME, 0700) < 0)
		return err_set(e, errno, "make '%s'", target);
	if (o->work && mkdir(o->work, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make '%s'", o->work);
	criu_begin(&w, CRIU_RESTORE, o);
	criu_add(&w, "--restore-detached");
	criu_add(&w, "--restore-sibling");
	criu_add(&w, "--root");
	criu_add(&w, "%s", target);
	criu_add(&w, "--pidfile");
	criu_add(&w, "%s/" PID_NAME, here);
	r = read_streams(o->image, &w, fds, &n, e);
	if (r == 0)
		r = add_mounts(c->spec, &w, e);
	if (r == 0)
		r = add_network(c->spec, &w, &network, fds, &n, e);
	const struct namespace_spec *groups = spec_namespace(c->spec, CLONE_NEWCGROUP);
	const struct criu_process p = { .cgroup = c->cgroup.fd,
		.own_cgroups = groups && !namespace_is_joined(groups),
		.rootfs = rootfs,
		.mount_point = target,
		.fds = fds,
		.n_fds = n };
	if (r == 0)
		r = criu_run(&w, o, &p, e);
	return r < 0 ? r : adopt(c, ret, e);
}
