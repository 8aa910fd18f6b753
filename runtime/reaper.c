/* What is said between whoever makes forks of a template and its reaper. */
#include "runtime/reaper.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "runtime/handover.h"
#include "spec/base/clock.h"
#include "spec/base/own.h"

enum {
	FDS_MAX = 4,
	HELPER_MS = 10000, /* for one who has nothing more to do than to leave */
	AGAIN_MS = 100,	   /* when there was no room for us */
};

/* The fds of a ward in the order in which they are sent. */
static const struct slot {
	enum reaper_has bit;
	size_t offset;
} slots[FDS_MAX] = {
	{ REAPER_HAS_OUT, offsetof(struct reaper_ward, out) },
	{ REAPER_HAS_ERR, offsetof(struct reaper_ward, err) },
	{ REAPER_HAS_LOG, offsetof(struct reaper_ward, log) },
	{ REAPER_HAS_STATUS, offsetof(struct reaper_ward, status) },
};

/* Room for them, as the kernel wants it. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

int reaper_listen(int dir, struct err *e)
{
	return handover_listen(dir, REAPER_SOCKET, SOCK_SEQPACKET, e);
}

static int reach(int dir)
{
	return handover_reach(dir, REAPER_SOCKET, SOCK_SEQPACKET);
}

int reaper_reach(int dir, struct err *e)
{
	int fd = reach(dir);

	return fd < 0 ? err_set(e, -fd, "reach the template's reaper") : fd;
}

static int send_message(
	int to, enum reaper_verb verb, const char *id, pid_t pid, const int *fds, uint32_t has)
{
	struct reaper_message message = { .verb = verb, .has = has, .pid = pid };
	union control control = { 0 };
	int n = snprintf(message.id, sizeof(message.id), "%s", id);
	struct iovec io = { &message, offsetof(struct reaper_message, id) + (size_t)n + 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };
	size_t size = (size_t)__builtin_popcount(has) * sizeof(int);

	if ((size_t)n >= sizeof(message.id))
		return -ENAMETOOLONG;
	if (fds && size) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(size);
		control.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(size),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.align), fds, size);
	}
	while (sendmsg(to, &m, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int hear(int from)
{
	int32_t result;
	ssize_t n;

	do
		n = recv(from, &result, sizeof(result), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == sizeof(result) ? result : -ECONNRESET;
}

/* 0: there is none that we can see. */
static pid_t parent_of(pid_t pid)
{
	char path[32], text[512];
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	/* Behind the command, which may hold anything, and the state. */
	const char *at = strrchr(text, ')');
	return at && sscanf(at, ") %*c %d", &parent) == 1 ? parent : 0;
}

/*
 * The helper that made it may not have left yet, and it be his child still: we wait for that. False:
 * it is somebody else's altogether.
 */
static bool becomes_orphan(int connection, pid_t pid)
{
	struct ucred reaper = { 0 };
	socklen_t len = sizeof(reaper);
	pid_t parent = parent_of(pid);

	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &reaper, &len) < 0 || parent <= 0)
		return false;
	if (parent == reaper.pid)
		return true;
	autofd int helper = pidfd_open(parent, 0);
	struct pollfd p = { .fd = helper, .events = POLLIN };
	if (helper >= 0 && parent_of(pid) == parent && poll(&p, 1, HELPER_MS) == 0)
		return false;
	return parent_of(pid) == reaper.pid;
}

static int hand(int connection, const struct reaper_ward *w)
{
	int fds[FDS_MAX], n = 0;
	uint32_t has = 0;

	for (const struct slot *s = slots; s < slots + FDS_MAX; s++) {
		int fd = *(const int *)((const char *)w + s->offset);
		if (fd < 0)
			continue;
		has |= s->bit;
		fds[n++] = fd;
	}
	int r = send_message(connection, REAPER_HAND, w->id, w->pid, fds, has);
	return r < 0 ? r : hear(connection);
}

int reaper_hand(int connection, const struct reaper_ward *w, struct err *e)
{
	int r = hand(connection, w);

	if (r == -ECHILD && becomes_orphan(connection, w->pid))
		r = hand(connection, w);
	if (r == -EMFILE)
		return err_say(e, EMFILE,
			"hand '%s' to the template's reaper: it has as many files open as it may (limit of open files)",
			w->id);
	return r < 0 ? err_set(e, -r, "hand '%s' to the template's reaper", w->id) : 0;
}

int reaper_watch(int dir, const char *id, pid_t pid)
{
	autofd int fd = reach(dir);

	if (fd < 0)
		return fd;
	int r = send_message(fd, REAPER_WATCH, id, pid, NULL, 0);
	return r < 0 ? r : take_fd(&fd);
}

/* -ENOENT when it is neither a template nor a fork of one. */
static int watch_record(const struct home *h, const struct record *r)
{
	const char *template = r->is_template ? r->id : r->forked_from;
	autofd int dir =
		template ? openat(h->fd, template, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
			 : -1;

	return template && dir < 0 ? -errno
	       : template	   ? reaper_watch(dir, r->id, r->init.pid)
				   : -ENOENT;
}

/* Its word, which is no more than that: 1; 0: not yet; -ECONNRESET: it closed without one. */
static int hear_end(int watch, int timeout_ms)
{
	struct pollfd p = { .fd = watch, .events = POLLIN };
	int32_t word;
	int n;

	while ((n = poll(&p, 1, timeout_ms)) < 0 && errno == EINTR)
		;
	if (n <= 0)
		return n < 0 ? -errno : 0;
	return recv(watch, &word, sizeof(word), MSG_DONTWAIT) == sizeof(word) ? 1 : -ECONNRESET;
}

int reaper_await(const struct home *h, const struct record *r, int timeout_ms, int *watch)
{
	const int64_t end = clock_ms() + timeout_ms;

	/* Who oversleeps has no time left, and not all of it. */
	for (int64_t left = timeout_ms;; left = end > clock_ms() ? end - clock_ms() : 0) {
		if (*watch < 0)
			*watch = watch_record(h, r);
		int said = *watch < 0 ? *watch : hear_end(*watch, timeout_ms < 0 ? -1 : (int)left);
		if (said == -ECONNREFUSED || said == -ENOENT)
			return 1;
		if (said != -EPIPE && said != -ECONNRESET)
			return said;
		own_close(watch);
		*watch = -1;
		if (timeout_ms >= 0 && clock_ms() + AGAIN_MS > end)
			return 0;
		poll(NULL, 0, AGAIN_MS);
	}
}

/* All fds that came: the kernel has given us some, even where not all had room. */
static int take_fds(const struct msghdr *m, int fds[FDS_MAX])
{
	const struct cmsghdr *at = m->msg_controllen ? CMSG_FIRSTHDR(m) : NULL;
	size_t n = 0;

	if (at && at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_RIGHTS)
		n = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (n)
		memcpy(fds, CMSG_DATA(at), n * sizeof(int));
	return (int)n;
}

static bool is_sound(const struct reaper_message *m, ssize_t size)
{
	ssize_t head = offsetof(struct reaper_message, id);

	return size > head && size <= (ssize_t)sizeof(*m) && m->id[size - head - 1] == '\0' &&
	       (m->verb == REAPER_HAND || m->verb == REAPER_WATCH) && m->pid > 0 &&
	       m->has < 1u << FDS_MAX;
}

int reaper_receive(int connection, struct reaper_message *ret, struct reaper_ward *ret_fds)
{
	struct reaper_message message = { 0 };
	union control control = { 0 };
	struct iovec io = { &message, sizeof(message) };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	int fds[FDS_MAX] = { 0 };

	ssize_t size = recvmsg(connection, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (size <= 0)
		return size < 0 ? -errno : 0;
	int n = take_fds(&m, fds), r = 1;
	if (m.msg_flags & MSG_CTRUNC)
		r = -EMFILE;
	else if (m.msg_flags & MSG_TRUNC || !is_sound(&message, size) ||
		 n != __builtin_popcount(message.has))
		r = -EPROTO;
	if (r < 0) {
		while (n)
			close(fds[--n]);
		return r;
	}
	*ret = message;
	*ret_fds = (struct reaper_ward)REAPER_WARD_NONE;
	ret_fds->pid = message.pid;
	const int *fd = fds;
	for (const struct slot *s = slots; s < slots + FDS_MAX; s++)
		if (message.has & s->bit)
			*(int *)((char *)ret_fds + s->offset) = *fd++;
	return 1;
}

int reaper_answer(int connection, int32_t result)
{
	return send(connection, &result, sizeof(result), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno
											  : 0;
}
