/* Waiting for a cgroup's events. */
#include "cgroup/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "cgroup/knob.h"
#include "spec/base/clock.h"

int watch_open(int cgroup, const char *file, int *ret_fd, struct err *e)
{
	int fd = openat(cgroup, file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return knob_error(e, errno, "watch '%s'", file);
	*ret_fd = fd;
	return 0;
}

int watch_value(int fd, const char *key, uint64_t *ret)
{
	char text[KNOB_TEXT_MAX];
	ssize_t n = knob_read_again(fd, text, sizeof(text));

	if (n < 0)
		return (int)n;
	return knob_value(text, key, ret) ? 0 : -ENODATA;
}

int watch_until(int fd, const char *key, uint64_t value, int timeout_ms)
{
	struct pollfd event = { .fd = fd, .events = POLLPRI };
	int64_t end = 0;

	for (;;) {
		uint64_t seen;
		int r = watch_value(fd, key, &seen);
		if (r < 0 || seen == value)
			return r;
		/* The clock is asked only where there is something to wait for. */
		int64_t now = clock_ms();
		if (!end)
			end = now + timeout_ms;
		if (timeout_ms >= 0 && now >= end)
			return -ETIMEDOUT;
		if (poll(&event, 1, timeout_ms < 0 ? -1 : (int)(end - now)) < 0 && errno != EINTR)
			return -errno;
	}
}
