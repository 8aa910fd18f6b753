/* The directories of one mount, id-mapped. */
#include "overlay/mapped.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

void mapped_done(struct mapped *m)
{
	for (size_t i = 0; i < m->n; i++)
		own_close(&m->lowers[i]);
	free(m->lowers);
	own_close(&m->objects);
	own_close(&m->own);
	*m = (struct mapped)MAPPED_NONE;
}

static int clone(const struct overlay_ids *ids, int dir, int *ret, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)ids->user_namespace };
	autofd int fd =
		open_tree(dir, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (unsigned)AT_EMPTY_PATH);

	if (fd < 0)
		return err_set(e, errno, "clone a layer");
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_set(e, errno,
			"id-map a layer (the store's file system must know id-mapped mounts)");
	*ret = take_fd(&fd);
	return 0;
}

int mapped_open(const struct overlay_ids *ids, const struct lowers *l, int dir, struct mapped *ret,
	struct err *e)
{
	automatic(mapped) struct mapped m = MAPPED_NONE;
	int r = 0;

	m.lowers = calloc(l->n ? l->n : 1, sizeof(*m.lowers));
	if (!m.lowers)
		return err_set(e, ENOMEM, "id-map layers");
	for (; r == 0 && m.n < l->n; m.n += r == 0)
		r = clone(ids, l->fds[m.n], &m.lowers[m.n], e);
	if (r == 0 && l->objects >= 0)
		r = clone(ids, l->objects, &m.objects, e);
	if (r == 0 && dir >= 0)
		r = clone(ids, dir, &m.own, e);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct mapped)MAPPED_NONE;
	return 0;
}

int mapped_become(const struct overlay_ids *ids)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct held[2];

	if (syscall(SYS_capget, &header, held) < 0)
		return -errno;
	setfsgid(ids->gid);
	setfsuid(ids->uid);
	/* Which took those of files: setfsuid(2). */
	if (syscall(SYS_capset, &header, held) == 0)
		return 0;
	int code = errno;
	mapped_leave();
	return -code;
}

void mapped_leave(void)
{
	setfsuid(geteuid());
	setfsgid(getegid());
}
