/* Messages of the channel, sent and received. */
#include "runtime/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "spec/base/err.h"

int message_send(int socket, enum channel_type type, const void *payload, size_t len,
	const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * CHANNEL_FDS_PER_MESSAGE)];
	} control;
	struct channel_header header = { .type = type, .len = (uint32_t)len };
	struct iovec io[] = { { &header, sizeof(header) }, { (void *)payload, len } };
	struct msghdr m = { .msg_iov = io, .msg_iovlen = len ? 2 : 1 };

	if (n_fds) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *at = CMSG_FIRSTHDR(&m);
		*at = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int) * n_fds),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(at), fds, sizeof(int) * n_fds);
	}
	ssize_t sent = sendmsg(socket, &m, MSG_NOSIGNAL);
	if (sent < 0)
		return -errno;
	/* A long plan may go in parts; the header and the fds went with the first. */
	size_t of_payload = (size_t)sent - sizeof(header);
	while (of_payload < len) {
		sent = send(
			socket, (const char *)payload + of_payload, len - of_payload, MSG_NOSIGNAL);
		if (sent < 0 && errno != EINTR)
			return -errno;
		of_payload += sent > 0 ? (size_t)sent : 0;
	}
	return 0;
}

bool message_plan_fits(int socket, const struct draft *d)
{
	int room = 0;
	socklen_t len = sizeof(room);

	return d->n_fds <= CHANNEL_FDS_PER_MESSAGE &&
	       getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &room, &len) == 0 &&
	       2 * d->block.len + 8192 <= (size_t)room;
}

int message_send_plan(int socket, const struct draft *d)
{
	int left = d->n_fds, r = 0;
	const int *fds = d->fds;

	for (; r == 0 && left > CHANNEL_FDS_PER_MESSAGE; left -= CHANNEL_FDS_PER_MESSAGE) {
		r = message_send(socket, CHANNEL_FDS, NULL, 0, fds, CHANNEL_FDS_PER_MESSAGE);
		fds += CHANNEL_FDS_PER_MESSAGE;
	}
	if (r == 0)
		r = message_send(
			socket, CHANNEL_PLAN, d->block.data, d->block.len, fds, (size_t)left);
	return r;
}

int message_failure_code(const struct failure *f)
{
	return f->code > 0 && f->code <= ERR_USAGE ? f->code : EPROTO;
}

/* One fd is kept; any other number of them is not. */
static int take_fds(const struct cmsghdr *at, int *ret)
{
	const size_t n = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fd;

	if (n == 1 && *ret < 0) {
		memcpy(ret, CMSG_DATA(at), sizeof(int));
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof(int));
		close(fd);
	}
	return -EPROTO;
}

static int take_beside(struct msghdr *m, struct message_beside *ret)
{
	int r = m->msg_flags & MSG_CTRUNC ? -EPROTO : 0;
	struct ucred who;

	for (struct cmsghdr *at = CMSG_FIRSTHDR(m); at; at = CMSG_NXTHDR(m, at))
		if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_RIGHTS) {
			int bad = take_fds(at, &ret->fd);
			r = bad < 0 ? bad : r;
		} else if (at->cmsg_type == SCM_CREDENTIALS &&
			   at->cmsg_len == CMSG_LEN(sizeof(who))) {
			memcpy(&who, CMSG_DATA(at), sizeof(who));
			ret->sender = who.pid;
		}
	return r;
}

ssize_t message_receive(int fd, struct channel_header *header, struct message_beside *ret)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec io = { header, sizeof(*header) };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n;

	while ((n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_WAITALL)) < 0)
		if (errno != EINTR)
			return -errno;
	int r = n > 0 ? take_beside(&m, ret) : 0;
	return r < 0 ? r : n;
}
