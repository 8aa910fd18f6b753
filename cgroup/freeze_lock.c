/* The lock of those who freeze. */
#include "cgroup/freeze_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int freeze_lock_open(int group, struct freeze_lock *ret)
{
	struct stat st;

	*ret = FREEZE_LOCK_NONE;
	if (fstat(group, &st) < 0)
		return -errno;
	int fd = openat(group, "../cgroup.procs", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret = (struct freeze_lock){ .fd = fd, .group = st.st_ino };
	return 0;
}

void freeze_lock_done(struct freeze_lock *l)
{
	own_close(&l->fd);
	*l = FREEZE_LOCK_NONE;
}

/* Of an open file, not of a process: one may have two of a group, and they know of each other. */
static int set(const struct freeze_lock *l, short type)
{
	struct flock range = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = l->group & INT64_MAX, .l_len = 1
	};

	if (fcntl(l->fd, F_OFD_SETLK, &range) == 0)
		return 0;
	return errno == EACCES || errno == EAGAIN ? -EWOULDBLOCK : -errno;
}

int freeze_lock_try(const struct freeze_lock *l, bool alone)
{
	return set(l, alone ? F_WRLCK : F_RDLCK);
}

void freeze_lock_drop(const struct freeze_lock *l)
{
	if (l->fd >= 0)
		set(l, F_UNLCK);
}

/* The kernel can wait for it, but not for a while only. */
int freeze_lock_take(const struct freeze_lock *l, bool alone, int timeout_ms)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	int r = freeze_lock_try(l, alone);

	for (int waited = 0; r == -EWOULDBLOCK && waited < timeout_ms; waited++) {
		nanosleep(&moment, NULL);
		r = freeze_lock_try(l, alone);
	}
	return r == -EWOULDBLOCK ? -ETIMEDOUT : r;
}
