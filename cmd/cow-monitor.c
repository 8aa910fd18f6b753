/*
 * cow-monitor: keeps a detached container's log, and its end.
 *
 * There is one for each detached container for as long as it lives, so it is counted in pages: no
 * libc under it, no allocation, two small buffers, and no call into the vdso, which would cost the
 * page tables to map it. See cmd/cow/monitor.h.
 */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>

#include "cmd/cow/monitor.h"
#include "cmd/cow/stamp.h"
#include "runtime/init/sys.h"
#include "runtime/init/text.h"

#define LINE_BYTES 1024 /* what is longer is logged in parts */

/* LIMIT: the log grows as long as its container writes; nothing rotates it. */
struct stream {
	int fd; /* -1: at its end */
	const char *name;
	size_t len;
	char line[LINE_BYTES];
};

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

/* False at the end, or (fds are non-blocking) when there is nothing more for now. */
static bool take_in(struct stream *s)
{
	long n = sys(read, s->fd, s->line + s->len, sizeof(s->line) - s->len);

	if (n > 0) {
		s->len += (size_t)n;
		log_lines(s);
		return true;
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

/* Until the first process ends; what others may still hold the pipes is not waited for. */
static void watch(struct stream *streams)
{
	struct pollfd fds[] = { { .fd = MONITOR_PIDFD, .events = POLLIN }, { .events = POLLIN },
		{ .events = POLLIN } };

	for (;;) {
		for (int i = 0; i < 2; i++)
			fds[i + 1].fd = streams[i].fd;
		if (sys(ppoll, fds, 3, NULL, NULL, 0) < 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (fds[i + 1].revents)
				take_in(&streams[i]);
		if (fds[0].revents)
			break;
	}
	for (int i = 0; i < 2; i++)
		while (streams[i].fd >= 0 && take_in(&streams[i]))
			;
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

_Noreturn void monitor_main(char *const *words);

/* `words`: argc, argv and their end, as the kernel leaves them on the stack. */
_Noreturn void monitor_main(char *const *words)
{
	static struct stream streams[2] = { { .fd = MONITOR_OUT, .name = "stdout" },
		{ .fd = MONITOR_ERR, .name = "stderr" } };
	char *const *argv = words + 1;
	char number[4] = "";

	if ((long)words[0] == 5) {
		watch(streams);
		int status = wait_for_end();
		*stamp_number(number, (unsigned)status, 3) = '\0';
		const char *ended[] = { argv[1], "--root", argv[2], "--store", argv[3], "ended",
			argv[4], number, NULL };
		const char *no_environment[] = { NULL };
		sys(execve, argv[1], ended, no_environment);
		write_end(status);
	}
	for (;;)
		sys(exit_group, (long)words[0] == 5 ? 0 : 1);
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
