/* A seccomp agent told of a process. */
#include "runtime/notify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "spec/seccomp.h"

/* One line of JSON and the fd beside its first byte. */
static int send_with_fd(int socket, const struct str *text, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec io = { text->data, text->len };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *at = CMSG_FIRSTHDR(&m);

	*at = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS
	};
	memcpy(CMSG_DATA(at), &fd, sizeof(fd));
	ssize_t sent = sendmsg(socket, &m, MSG_NOSIGNAL);
	for (size_t n = 0; sent >= 0 && (n += (size_t)sent) < text->len;)
		sent = send(socket, text->data + n, text->len - n, MSG_NOSIGNAL);
	return sent < 0 ? -errno : 0;
}

static int connect_agent(const char *path, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	autofd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return err_set(e, errno, "failed to connect with seccomp agent '%s'", path);
	return take_fd(&fd);
}

static int tell(const struct birth *b, const struct json_text *section,
	const struct state_doc *state, struct err *e)
{
	automatic(seccomp_spec) struct seccomp_spec s = { 0 };
	automatic(str) struct str text = { 0 };
	/* What the filter was made of: it was read and judged before. */
	int r = seccomp_read(section, &s, e);

	if (r < 0)
		return r;
	state_write_process(state, b->pid, s.listener_metadata, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "tell the seccomp agent");
	autofd int agent = connect_agent(s.listener_path, e);
	if (agent < 0)
		return agent;
	r = send_with_fd(agent, &text, b->listener);
	return r < 0 ? err_set(e, -r, "tell the seccomp agent '%s'", s.listener_path) : 0;
}

int notify_agent(struct birth *b, const struct spec *spec, const char *id, const char *bundle,
	enum state_status status, pid_t init, struct err *e)
{
	/* Borrowed throughout: written, never freed. */
	const struct state_doc state = { .version = (char *)SPEC_VERSION,
		.id = (char *)id,
		.status = (int)status,
		.pid = init,
		.bundle = (char *)bundle,
		.annotations = spec->annotations,
		.n_annotations = spec->n_annotations };
	int r = tell(b, &spec->linux_.seccomp, &state, e);

	own_close(&b->listener);
	b->listener = -1;
	return r < 0 ? r : birth_go(b, e);
}
