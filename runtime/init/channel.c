/* The child's side of the handshake. */
#include <sys/socket.h>

#include "runtime/init/child.h"
#include "runtime/init/text.h"

static void leave(void)
{
	for (;;)
		sys(exit_group, 1);
}

static void send_all(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n) {
		long sent = sys(sendto, fd, at, n, MSG_NOSIGNAL, 0, 0);
		if (sent == -EINTR)
			continue;
		if (sent <= 0)
			leave();
		at += sent;
		n -= (size_t)sent;
	}
}

/* The other side gone is our end: nobody would ever start or reap what we become. */
static void receive_all(int fd, void *bytes, size_t n)
{
	char *at = bytes;

	while (n) {
		long got = sys(read, fd, at, n);
		if (got == -EINTR)
			continue;
		if (got <= 0)
			leave();
		at += got;
		n -= (size_t)got;
	}
}

void channel_send(struct child *c, enum channel_type type, const void *payload, uint32_t len)
{
	char message[sizeof(struct channel_header) + sizeof(struct failure)];
	struct channel_header header = { .type = type, .len = len };

	memcpy(message, &header, sizeof(header));
	if (len)
		memcpy(message + sizeof(header), payload, len);
	send_all(c->channel, message, sizeof(header) + len);
}

/* The header alone, which is never sent in parts. */
void channel_send_fd(struct child *c, enum channel_type type, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct channel_header header = { .type = type };
	struct iovec io = { &header, sizeof(header) };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	long r;

	memset(&control, 0, sizeof(control));
	*CMSG_FIRSTHDR(&m) = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS
	};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	do
		r = sys(sendmsg, c->channel, &m, MSG_NOSIGNAL);
	while (r == -EINTR);
	if (r < 0)
		leave();
}

void channel_write(struct child *c, const void *message, size_t len)
{
	if (sys(write, c->channel, message, len) != (long)len)
		leave();
}

static _Noreturn void fail(
	struct child *c, int code, bool reasoned, const char *format, __builtin_va_list args)
{
	struct failure f;
	struct text t = TEXT_IN(f.text);

	memset(&f, 0, sizeof(f));
	f.code = code;
	f.reasoned = reasoned;
	text_format(&t, format, args);
	if (c->channel >= 0)
		channel_send(c, CHANNEL_FAILED, &f, sizeof(f));
	for (;;)
		sys(exit_group, 1);
}

void child_fail(struct child *c, int code, const char *format, ...)
{
	__builtin_va_list args;

	__builtin_va_start(args, format);
	fail(c, code < 0 ? -code : code, false, format, args);
}

void child_refuse(struct child *c, int code, const char *format, ...)
{
	__builtin_va_list args;

	__builtin_va_start(args, format);
	fail(c, code < 0 ? -code : code, true, format, args);
}

/* A header, and the fds that came with it. */
static void receive_header(struct child *c, struct channel_header *header)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * CHANNEL_FDS_PER_MESSAGE)];
	} control;
	struct iovec io = { header, sizeof(*header) };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	long got;

	do
		got = sys(recvmsg, c->channel, &m, MSG_CMSG_CLOEXEC);
	while (got == -EINTR);
	if (got <= 0)
		leave();
	if ((size_t)got < sizeof(*header))
		receive_all(c->channel, (char *)header + got, sizeof(*header) - (size_t)got);
	struct cmsghdr *at = CMSG_FIRSTHDR(&m);
	if (!at || at->cmsg_type != SCM_RIGHTS)
		return;
	size_t n = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (size_t i = 0; i < n && c->n_fds < PLAN_FDS_MAX; i++)
		memcpy(&c->fds[c->n_fds++], CMSG_DATA(at) + i * sizeof(int), sizeof(int));
}

/* Room for a plan: the usual one without an mmap(). */
static struct init_plan *room_for_plan(struct child *c, uint32_t len)
{
	static _Alignas(16) char small[24 * 1024];

	if (len <= sizeof(small))
		return (struct init_plan *)(void *)small;
	/* PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS */
	long at = sys(mmap, 0, len, 3, 0x22, -1, 0);
	if (at <= 0)
		child_fail(c, (int)at, "take in a plan of %d bytes", (int)len);
	return (struct init_plan *)at; // NOLINT(performance-no-int-to-ptr)
}

static void begin(struct child *c, const struct channel_header *header)
{
	uint64_t flags;

	if (header->len != sizeof(flags))
		leave();
	receive_all(c->channel, &flags, sizeof(flags));
	namespaces_make(c, flags);
}

void channel_receive_plan(struct child *c)
{
	struct channel_header header = { 0 };

	for (receive_header(c, &header);; receive_header(c, &header))
		if (header.type == CHANNEL_BEGIN)
			begin(c, &header);
		else if (header.type != CHANNEL_FDS)
			break;
	if (header.type != CHANNEL_PLAN || header.len < sizeof(struct init_plan) ||
		header.len > PLAN_BYTES_MAX)
		leave();
	struct init_plan *plan = room_for_plan(c, header.len);
	receive_all(c->channel, plan, header.len);
	if (plan->magic != PLAN_MAGIC || plan->size != header.len || plan->n_slots != c->n_fds)
		child_refuse(
			c, EPROTO, "take in the plan: it is of another make than this program");
	c->plan = plan;
}

void channel_wait_go(struct child *c)
{
	struct channel_header header;

	receive_all(c->channel, &header, sizeof(header));
	if (header.type != CHANNEL_GO)
		leave();
}

/*
 * A `start` that dies between connecting and saying GO leaves us as we were: the next one may try.
 * (`state` connects as well, to see whether somebody still accepts.)
 */
static void end(int signal)
{
	sys(exit_group, 128 + signal);
}

/*
 * The first process of a pid namespace is spared every signal that it does not handle
 * (pid_namespaces(7)); but who tells a created container to end means it. execve() takes the
 * handlers away.
 */
static void obey_signals(void)
{
	/* The kernel's struct sigaction. Nothing returns from the handler, but x86-64 asks where to. */
	const struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(int);
		uint64_t mask;
	} action = { end, 0x04000000 /* SA_RESTORER */, end, 0 };
	static const unsigned char signals[] = { 1 /* HUP */, 2 /* INT */, 3 /* QUIT */,
		15 /* TERM */ };

	for (size_t i = 0; i < sizeof(signals); i++)
		sys(rt_sigaction, signals[i], &action, 0, sizeof(action.mask));
}

void channel_wait_start(struct child *c)
{
	int listener = child_fd(c, c->plan->start_socket);

	obey_signals();
	for (;;) {
		struct channel_header header;
		long fd = sys(accept4, listener, 0, 0, SOCK_CLOEXEC);
		if (fd == -EINTR || fd == -ECONNABORTED)
			continue;
		if (fd < 0)
			leave();
		size_t have = 0;
		while (have < sizeof(header)) {
			long got = sys(read, fd, (char *)&header + have, sizeof(header) - have);
			if (got <= 0 && got != -EINTR)
				break;
			have += got > 0 ? (size_t)got : 0;
		}
		if (have == sizeof(header) && header.type == CHANNEL_GO) {
			c->channel = (int)fd;
			sys(close, listener);
			return;
		}
		sys(close, fd);
	}
}
