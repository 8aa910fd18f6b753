/* A process by its number and start time. */
#include "runtime/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "spec/base/fd.h"
#include "spec/base/own.h"

int mark_read(const char *text, struct process_mark *ret)
{
	/* The command may hold anything, parentheses too: fields are counted from the last one. */
	const char *at = strrchr(text, ')');
	if (!at || !at[1] || !at[2])
		return -EPROTO;
	char state = at[2];
	unsigned long long threads = 0;
	at += 2;
	for (int field = 3; field < 22 && at; field++) {
		if (field == 20)
			threads = strtoull(at, NULL, 10);
		at = strchr(at + 1, ' ');
	}
	if (!at)
		return -EPROTO;
	/* The state is the first thread's, which may end before others. */
	if (strchr("ZXx", state) && threads < 2)
		return -ESRCH;
	*ret = (struct process_mark){ .pid = (pid_t)strtol(text, NULL, 10),
		.start = strtoull(at, NULL, 10) };
	return 0;
}

int mark_take(pid_t pid, struct process_mark *ret)
{
	char path[32], text[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -ESRCH;
	text[n] = '\0';
	return mark_read(text, ret);
}

/* -ESRCH: it is not that one, or gone; any other: it could not be found out. */
static int look(const struct process_mark *mark)
{
	struct process_mark now = { 0 };
	int r = mark->pid > 0 ? mark_take(mark->pid, &now) : -ESRCH;

	return r < 0 ? r : now.start == mark->start ? 0 : -ESRCH;
}

bool mark_is_alive(const struct process_mark *mark)
{
	return look(mark) == 0;
}

int mark_open(const struct process_mark *mark)
{
	/* The pidfd first: what it means cannot change while we compare. */
	autofd int fd = mark->pid > 0 ? pidfd_open(mark->pid, 0) : -1;

	/* A thread of another process may have its number by now: EINVAL, or ENOENT by newer kernels. */
	if (fd < 0)
		return mark->pid <= 0 || errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
	int r = look(mark);
	return r < 0 ? r : take_fd(&fd);
}
