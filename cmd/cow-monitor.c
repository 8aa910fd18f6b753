/*
 * cow-monitor: keeps a detached container's log, and its end.
 *
 * There is one for each detached container for as long as it lives, so it is counted in pages: no
 * libc under it, no allocation, two small buffers, and no call into the vdso, which would cost the
 * page tables to map it. See cmd/cow/monitor.h.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "cmd/cow/monitor.h"
#include "cmd/cow/stamp.h"
#include "runtime/init/sys.h"
#include "runtime/init/text.h"

#define LINE_BYTES 1024 /* what is longer is logged in parts */
#define LAST_WORDS_S 2	/* how long a viewer who does not read keeps the end from being told */

/* LIMIT: the log grows as long as its container writes; nothing rotates it. */
struct stream {
	int fd; /* -1: at its end */
	const char *name;
	size_t len;   /* of a line that has no end yet */
	size_t fresh; /* behind it: read, and not yet taken by all viewers */
	char line[LINE_BYTES];
};

/* Somebody who looks at the terminal. */
struct viewer {
	int fd;	     /* -1: nobody */
	size_t seen; /* of what is fresh */
};

static struct viewer viewers[MONITOR_VIEWERS];

/* Until it is interrupted no more: -errno. */
#define SYS_RETRY(...)                                                                             \
	({                                                                                         \
		long did_;                                                                         \
		do                                                                                 \
			did_ = sys(__VA_ARGS__);                                                   \
		while (did_ == -EINTR);                                                            \
		did_;                                                                              \
	})

/* One write() each: a line is in the log whole or not at all. */
static void log_line(const struct stream *s, const char *text, size_t n, bool whole)
{
	char line[LINE_BYTES + 64];
	struct timespec now = { 0 };

	sys(clock_gettime, CLOCK_REALTIME, &now);
	char *at = stamp_text(stamp_time(line, &now), " ");
	at = stamp_text(stamp_text(at, s->name), whole ? " F " : " P ");
	memcpy(at, text, n);
	at += n;
	*at++ = '\n';
	/* A full disk loses lines; the container goes on. */
	SYS_RETRY(write, MONITOR_LOG, line, at - line);
}

static void log_lines(struct stream *s)
{
	size_t from = 0;

	for (size_t at = 0; at < s->len; at++)
		if (s->line[at] == '\n') {
			log_line(s, s->line + from, at - from, true);
			from = at + 1;
		}
	s->len -= from;
	for (size_t i = 0; from && i < s->len; i++)
		s->line[i] = s->line[from + i];
	if (s->len == sizeof(s->line)) {
		log_line(s, s->line, s->len, false);
		s->len = 0;
	}
}

static void viewer_leave(struct viewer *v)
{
	if (v->fd >= 0)
		sys(close, v->fd);
	v->fd = -1;
}

/* False while one of them has not taken all that is fresh. */
static bool show(const struct stream *s)
{
	bool all = true;

	for (struct viewer *v = viewers; v < viewers + MONITOR_VIEWERS; v++)
		while (v->fd >= 0 && v->seen < s->fresh) {
			long n = sys(sendto, v->fd, s->line + s->len + v->seen, s->fresh - v->seen,
				MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
			if (n == -EINTR)
				continue;
			if (n == -EAGAIN) {
				all = false;
				break;
			}
			if (n > 0)
				v->seen += (size_t)n;
			else
				viewer_leave(v);
		}
	return all;
}

/* What is fresh goes to the viewers, and then to the log; false when not all have taken it. */
static bool pass_on(struct stream *s)
{
	if (!show(s))
		return false;
	for (struct viewer *v = viewers; v < viewers + MONITOR_VIEWERS; v++)
		v->seen = 0;
	s->len += s->fresh;
	s->fresh = 0;
	log_lines(s);
	return true;
}

/* False at the end, or (fds are non-blocking) when there is nothing more for now. */
static bool take_in(struct stream *s)
{
	long n = sys(read, s->fd, s->line + s->len, sizeof(s->line) - s->len);

	if (n > 0) {
		s->fresh = (size_t)n;
		return pass_on(s);
	}
	if (n == -EAGAIN || n == -EINTR)
		return false;
	if (s->len)
		log_line(s, s->line, s->len, false);
	s->len = 0;
	sys(close, s->fd);
	s->fd = -1;
	return false;
}

/* One more, who gets the terminal's master and sees what comes from now on. */
static void greet(const struct stream *s)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	static char greeting[] = MONITOR_GREETING;
	struct iovec io = { greeting, sizeof(greeting) - 1 };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	long fd = sys(accept4, MONITOR_LISTENER, NULL, NULL, SOCK_CLOEXEC);
	struct viewer *v = viewers;

	if (fd < 0)
		return;
	while (v < viewers + MONITOR_VIEWERS && v->fd >= 0)
		v++;
	*CMSG_FIRSTHDR(&m) = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS
	};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &s->fd, sizeof(int));
	if (v < viewers + MONITOR_VIEWERS && s->fd >= 0 &&
		SYS_RETRY(sendmsg, fd, &m, MSG_NOSIGNAL) > 0)
		*v = (struct viewer){ .fd = (int)fd, .seen = s->fresh };
	else
		sys(close, fd);
}

/* Fills in who is waited for: all, for their leaving; some, to take what is fresh. */
static void poll_viewers(const struct stream *s, struct pollfd *fds)
{
	for (int i = 0; i < MONITOR_VIEWERS; i++)
		fds[i] = (struct pollfd){ .fd = viewers[i].fd,
			.events = viewers[i].seen < s->fresh ? POLLOUT : 0 };
}

static void hear_viewers(struct stream *s, const struct pollfd *fds)
{
	for (int i = 0; i < MONITOR_VIEWERS; i++)
		if (fds[i].fd >= 0 && fds[i].revents & (POLLHUP | POLLERR))
			viewer_leave(&viewers[i]);
	if (s->fresh)
		pass_on(s);
}

/* Until the first process ends; what others may still hold the pipes is not waited for. */
static void watch(struct stream *streams, int listener)
{
	struct pollfd fds[4 + MONITOR_VIEWERS] = { { .fd = MONITOR_PIDFD, .events = POLLIN },
		{ .events = POLLIN }, { .events = POLLIN }, { .fd = listener, .events = POLLIN } };

	do {
		for (int i = 0; i < 2; i++)
			fds[i + 1].fd = streams[i].fresh ? -1 : streams[i].fd;
		poll_viewers(streams, fds + 4);
		if (sys(ppoll, fds, 4 + MONITOR_VIEWERS, NULL, NULL, 0) < 0) {
			fds[0].revents = 0;
			continue;
		}
		hear_viewers(streams, fds + 4);
		for (int i = 0; i < 2; i++)
			if (fds[i + 1].fd >= 0 && fds[i + 1].revents)
				take_in(&streams[i]);
		if (fds[3].revents)
			greet(streams);
	} while (!fds[0].revents);
}

/* All that was written before the end. Who does not read now is not waited for without end. */
static void drain(struct stream *s)
{
	struct pollfd fds[MONITOR_VIEWERS];
	struct timespec time = { .tv_sec = LAST_WORDS_S };

	while (s->fresh || (s->fd >= 0 && (take_in(s) || s->fresh))) {
		if (!s->fresh || pass_on(s))
			continue;
		poll_viewers(s, fds);
		for (int i = 0; i < MONITOR_VIEWERS; i++)
			if (!fds[i].events)
				fds[i].fd = -1;
		if (SYS_RETRY(ppoll, fds, MONITOR_VIEWERS, &time, NULL, 0) > 0)
			continue;
		for (int i = 0; i < MONITOR_VIEWERS; i++)
			if (fds[i].fd >= 0)
				viewer_leave(&viewers[i]);
	}
}

static int wait_for_end(void)
{
	siginfo_t info = { 0 };

	SYS_RETRY(waitid, P_PIDFD, MONITOR_PIDFD, &info, WEXITED, NULL);
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

/* A number as the record has it: without zeros before it. */
static char *add_number(char *at, unsigned long long n)
{
	int width = 1;

	for (unsigned long long rest = n / 10; rest; rest /= 10)
		width++;
	return stamp_number(at, n, width);
}

static void write_end(int status)
{
	struct timespec now = { 0 };
	char line[64];
	char *at = add_number(stamp_text(line, "exit "), (unsigned)status);

	sys(clock_gettime, CLOCK_REALTIME, &now);
	at = add_number(stamp_text(at, " "), (unsigned long long)now.tv_sec);
	at = stamp_number(stamp_text(at, "."), (unsigned long long)now.tv_nsec, 9);
	at = stamp_text(at, "\n");
	SYS_RETRY(write, MONITOR_JOURNAL, line, at - line);
}

static void keep(bool terminal, bool shown)
{
	static struct stream streams[2] = { { .fd = MONITOR_OUT, .name = "stdout" },
		{ .fd = MONITOR_ERR, .name = "stderr" } };

	for (int i = 0; i < MONITOR_VIEWERS; i++)
		viewers[i].fd = -1;
	if (terminal)
		streams[1].fd = -1;
	if (shown)
		viewers[0].fd = MONITOR_VIEWER;
	watch(streams, terminal ? MONITOR_LISTENER : -1);
	for (int i = 0; i < 2; i++)
		drain(&streams[i]);
	for (int i = 0; i < MONITOR_VIEWERS; i++)
		viewer_leave(&viewers[i]);
}

_Noreturn void monitor_main(char *const *words);

/* `words`: argc, argv and their end, as the kernel leaves them on the stack. */
_Noreturn void monitor_main(char *const *words)
{
	char *const *argv = words + 1;
	long argc = (long)words[0];
	char number[4] = "";

	if (argc >= 5 && argc <= 7) {
		keep(argc > 5, argc > 6);
		int status = wait_for_end();
		*stamp_number(number, (unsigned)status, 3) = '\0';
		const char *ended[] = { argv[1], "--root", argv[2], "--store", argv[3], "ended",
			argv[4], number, NULL };
		const char *no_environment[] = { NULL };
		sys(execve, argv[1], ended, no_environment);
		write_end(status);
		sys(exit_group, 0);
	}
	for (;;)
		sys(exit_group, 1);
}

/* The kernel jumps here with argc at the stack pointer; a C function wants it aligned and called.
 */
#ifdef __x86_64__
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n"
	"\tcall monitor_main\n\thlt\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n"
	"\tb monitor_main\n");
#endif
