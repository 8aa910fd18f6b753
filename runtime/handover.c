/* A file descriptor handed to whoever listens on a socket. */
#include "runtime/handover.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "spec/base/own.h"

int handover_connect(const char *path, const char *option, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	/* The socket's own file by its fd: a path of any length, and not looked up twice. */
	autofd int file = open(path, O_PATH | O_CLOEXEC);
	autofd int fd = file < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d", file);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return err_set(e, errno, "option %s: connect to '%s'", option, path);
	return take_fd(&fd);
}

int handover_send(int socket, const char *name, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec io = { (void *)name, strlen(name) };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };

	*CMSG_FIRSTHDR(&m) = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS
	};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	return sendmsg(socket, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int handover_receive(int socket, const char *name, int *ret)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char text[16];
	size_t len = strlen(name);
	struct iovec io = { text, len };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n;

	/* Not a byte more: what follows is for others to read. */
	do
		n = len <= sizeof(text) ? recvmsg(socket, &m, MSG_CMSG_CLOEXEC) : -1;
	while (n < 0 && errno == EINTR);
	struct cmsghdr *at = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (!at || at->cmsg_type != SCM_RIGHTS || at->cmsg_len != CMSG_LEN(sizeof(int)))
		return n < 0 ? -errno : -EPROTO;
	autofd int fd = -1;
	memcpy(&fd, CMSG_DATA(at), sizeof(fd));
	if ((size_t)n != len || memcmp(text, name, len) != 0)
		return -EPROTO;
	*ret = take_fd(&fd);
	return 0;
}

/* By the directory's fd: its path may be longer than an address. */
static struct sockaddr_un address_in(int dir, const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s", dir, name);
	return at;
}

int handover_listen(int dir, const char *name, int type, struct err *e)
{
	struct sockaddr_un at = address_in(dir, name);
	autofd int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, SOMAXCONN) < 0)
		return err_set(e, errno, "make the socket '%s'", name);
	return take_fd(&fd);
}

int handover_reach(int dir, const char *name, int type)
{
	struct sockaddr_un at = address_in(dir, name);
	autofd int fd = socket(AF_UNIX, SOCK_CLOEXEC | type, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return -errno;
	return take_fd(&fd);
}

int handover_pidfd(const char *path, int pidfd, struct err *e)
{
	if (!path)
		return 0;
	autofd int socket = handover_connect(path, "--pidfd-socket", e);
	if (socket < 0)
		return socket;
	int r = handover_send(socket, "pidfd", pidfd);
	return r < 0 ? err_set(e, -r, "option --pidfd-socket: send to '%s'", path) : 0;
}
