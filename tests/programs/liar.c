/*
 * liar PID: a template that has no stub, and plays one: it says that it is ready, and of each fork that it is the
 * process PID.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/template/protocol.h"

/* False at its end. With the fd that came, the channel's end; -1: none. */
static bool hear(int connection, struct template_message *m, int *ret_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec io = { m, sizeof(*m) };
	struct msghdr h = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };

	*ret_fd = -1;
	if (recvmsg(connection, &h, 0) != sizeof(*m))
		return false;
	if (h.msg_controllen)
		memcpy(ret_fd, CMSG_DATA(&control.align), sizeof(*ret_fd));
	return true;
}

static void serve(int connection, uint32_t pid)
{
	struct {
		struct channel_header header;
		uint32_t pid;
	} word = { { CHANNEL_FORKED, sizeof(pid) }, pid };
	struct template_message m = { 0 };

	int channel;

	while (hear(connection, &m, &channel)) {
		m.type = channel < 0 ? TEMPLATE_READY : TEMPLATE_FORKED;
		if (channel >= 0)
			send(channel, &word, sizeof(word), MSG_NOSIGNAL);
		send(connection, &m, sizeof(m), MSG_NOSIGNAL);
	}
}

int main(int argc, char **argv)
{
	for (;;) {
		int connection = accept(TEMPLATE_FD, NULL, NULL);
		if (connection < 0)
			return 1;
		serve(connection, argc > 1 ? (uint32_t)atoi(argv[1]) : 0);
		close(connection);
	}
}
