/*
 * agent SOCKET ERRNO: a seccomp agent. Prints each state that it is sent, as one line, and answers
 * every system call that it is asked about with that errno. Ends when it is killed.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* One connection: a state up to its end, and the fd beside its first bytes. */
static int take(int connection)
{
	static char text[65536];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec io = { text, sizeof(text) - 1 };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(connection, &m, 0), more;
	struct cmsghdr *at = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	int fd = -1;

	if (!at || at->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(at), sizeof(fd));
	while ((more = read(connection, text + n, sizeof(text) - 1 - (size_t)n)) > 0)
		n += more;
	text[n] = '\0';
	printf("%s\n", text);
	fflush(stdout);
	return fd;
}

static void answer(int fd, int error)
{
	struct seccomp_notif call;
	struct seccomp_notif_resp reply;

	memset(&call, 0, sizeof(call));
	memset(&reply, 0, sizeof(reply));
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
		return;
	reply.id = call.id;
	reply.error = -error;
	ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

int main(int argc, char **argv)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct pollfd fds[64];
	nfds_t n = 1;

	if (argc != 3)
		return 2;
	snprintf(name.sun_path, sizeof(name.sun_path), "%s.new", argv[1]);
	fds[0].fd = socket(AF_UNIX, SOCK_STREAM, 0);
	fds[0].events = POLLIN;
	if (bind(fds[0].fd, (struct sockaddr *)&name, sizeof(name)) < 0 ||
		listen(fds[0].fd, 8) < 0 ||
		rename(name.sun_path, argv[1]) < 0) /* it is there when somebody listens */
		return 3;
	printf("ready\n");
	fflush(stdout);
	while (poll(fds, n, -1) >= 0 || errno == EINTR) {
		for (nfds_t i = n; i-- > 1;)
			if (fds[i].revents & POLLIN) {
				answer(fds[i].fd, atoi(argv[2]));
			} else if (fds[i].revents) { /* nobody has this filter any more */
				close(fds[i].fd);
				fds[i] = fds[--n];
			}
		if (fds[0].revents && n < 64) {
			int connection = accept(fds[0].fd, NULL, NULL);
			fds[n].fd = take(connection);
			fds[n].revents = 0;
			fds[n].events = POLLIN;
			n += fds[n].fd >= 0;
			close(connection);
		}
	}
	return 0;
}
