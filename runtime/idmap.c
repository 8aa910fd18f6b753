/* User namespaces for id-mapped mounts. */
#include "runtime/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "runtime/procfs.h"
#include "spec/base/fd.h"
#include "spec/base/sys.h"

/* Ends with us, whatever becomes of us: the pipe's other end is only here. */
static _Noreturn void be_there(int pipe)
{
	char byte;

	prctl(PR_SET_DUMPABLE, 0);
	while (read(pipe, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

/* A process in a user namespace of its own, for as long as it takes to get hold of that. */
static pid_t clone_holder(int *ret_pipe, int *ret_pidfd)
{
	struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = sys_clone3(&args);
	if (pid == 0) {
		close(ends[1]);
		be_there(ends[0]);
	}
	int r = pid < 0 ? -errno : pid;
	close(ends[0]);
	if (pid < 0)
		close(ends[1]);
	else
		*ret_pipe = ends[1];
	return r;
}

int idmap_make(const struct mount_maps *maps, struct err *e)
{
	char path[32];
	siginfo_t ignored;
	autofd int pipe = -1, pidfd = -1;
	int fd = -1;
	autofd int proc = procfs_open(e);

	if (proc < 0)
		return proc;
	pid_t pid = clone_holder(&pipe, &pidfd);
	if (pid < 0)
		return err_set(e, -pid, "make a user namespace for id-mapped mounts");
	int r = procfs_write_map(proc, pid, "uid_map", maps->uids, maps->n_uids, e);
	if (r == 0)
		r = procfs_write_map(proc, pid, "gid_map", maps->gids, maps->n_gids, e);
	if (r == 0) {
		snprintf(path, sizeof(path), "%d/ns/user", (int)pid);
		fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			r = err_set(e, errno, "open the user namespace for id-mapped mounts");
	}
	close(take_fd(&pipe));
	while (waitid(P_PIDFD, (id_t)pidfd, &ignored, WEXITED) < 0 && errno == EINTR)
		;
	return r < 0 ? r : fd;
}

/* "idmap" alone: as the container's own user namespace has it. */
static int make_container(const struct spec *s, struct err *e)
{
	const struct namespace_spec *user = spec_namespace(s, CLONE_NEWUSER);
	const struct mount_maps maps = { .uids = s->linux_.uid_maps,
		.n_uids = s->linux_.n_uid_maps,
		.gids = s->linux_.gid_maps,
		.n_gids = s->linux_.n_gid_maps };

	if (!namespace_is_joined(user))
		return idmap_make(&maps, e);
	int fd = open(user->path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "open the user namespace '%s'", user->path) : fd;
}

int idmaps_open(struct idmaps *all, const struct spec *s, struct mount_maps *maps, struct err *e)
{
	for (size_t i = 0; i < all->n; i++)
		if (mount_maps_equal(&all->v[i].maps, maps))
			return all->v[i].fd;
	struct idmap_row *v = realloc(all->v, (all->n + 1) * sizeof(*v));
	if (!v)
		return err_set(e, ENOMEM, "make a user namespace for id-mapped mounts");
	all->v = v;
	int fd = maps->kind == MOUNT_MAPS_CONTAINER ? make_container(s, e) : idmap_make(maps, e);
	if (fd < 0)
		return fd;
	all->v[all->n++] = (struct idmap_row){ *maps, fd };
	*maps = (struct mount_maps){ 0 };
	return fd;
}

void idmaps_done(struct idmaps *all)
{
	for (size_t i = 0; i < all->n; i++) {
		mount_maps_done(&all->v[i].maps);
		close(all->v[i].fd);
	}
	free(all->v);
	*all = (struct idmaps){ 0 };
}
