/* The lock of those who freeze. */
#include "cgroup/freeze_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

int freeze_lock_open(int group)
{
	int fd = openat(group, "cgroup.kill", O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int freeze_lock_try(int lock, bool alone)
{
	return flock(lock, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0 ? -errno : 0;
}

void freeze_lock_drop(int lock)
{
	flock(lock, LOCK_UN);
}

/* flock() can wait, but not for a while only. */
int freeze_lock_take(int lock, bool alone, int timeout_ms)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	int r = freeze_lock_try(lock, alone);

	for (int waited = 0; r == -EWOULDBLOCK && waited < timeout_ms; waited++) {
		nanosleep(&moment, NULL);
		r = freeze_lock_try(lock, alone);
	}
	return r == -EWOULDBLOCK ? -ETIMEDOUT : r;
}
