/* A birth: clone, execute the sealed init, hand over the plan, listen. */
#include "runtime/birth.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cgroup/stat.h"
#include "runtime/foreign.h"
#include "runtime/handover.h"
#include "runtime/message.h"
#include "runtime/sealed_init.h"
#include "runtime/template.h"
#include "spec/base/fd.h"
#include "spec/base/json.h"
#include "spec/base/log.h"
#include "spec/base/sys.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif
#define CLEAR_SIGHAND 0x100000000ULL /* CLONE_CLEAR_SIGHAND, 5.5 */

/* What the cloned process needs before its execve(); it shares our memory until then. */
struct first_steps {
	int channel, image;
	int failed; /* errno */
};

/*
 * Runs in the cloned process, on a stack of its own, in the parent's memory. That is a stack that ASan
 * does not know, and would say so at its end.
 */
__attribute__((no_sanitize_address)) static int take_first_steps(void *data)
{
	static char name[] = INIT_NAME;
	static char *const argv[] = { name, NULL };
	static char *const envp[] = { NULL };
	struct first_steps *f = data;

	prctl(PR_SET_NAME, name);
	if (dup3(f->channel, CHANNEL_FD, 0) == CHANNEL_FD &&
		close_range(CHANNEL_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		execveat(f->image, "", argv, envp, AT_EMPTY_PATH);
	f->failed = errno;
	_exit(127);
}

/*
 * clone3() with memory shared and the parent waiting for the execve(), as vfork() does: no page
 * table is copied. The child needs its own stack, and a C function cannot return twice, hence the
 * few lines of assembly. -errno or the pid.
 */
static long clone_running(struct clone_args *args, int (*run)(void *), void *data)
{
	long ret;
#ifdef __x86_64__
	register int (*fn)(void *) __asm__("r12") = run;
	register void *arg __asm__("r13") = data;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(SYS_clone3), "D"(args), "S"(sizeof(*args)), "r"(fn), "r"(arg)
			 : "rcx", "r11", "memory");
#else
	register long x8 __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof(*args);
	register int (*fn)(void *) __asm__("x19") = run;
	register void *arg __asm__("x20") = data;

	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, #0\n\t"
			 "mov x0, x20\n\t"
			 "blr x19\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(fn), "r"(arg)
			 : "memory", "x30");
	ret = x0;
#endif
	return ret;
}

static int clone_child(
	struct first_steps *steps, uint64_t flags, int cgroup, struct birth *b, struct err *e)
{
	static _Alignas(16) char stack[16 * 1024];
	struct clone_args args = {
		.flags = flags | CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLEAR_SIGHAND |
			 (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)&b->pidfd,
		.exit_signal = SIGCHLD,
		.stack = (uint64_t)(uintptr_t)stack,
		.stack_size = sizeof(stack),
		.cgroup = (uint64_t)(cgroup >= 0 ? cgroup : 0),
	};
	long pid = clone_running(&args, take_first_steps, steps);

	if (pid < 0)
		return err_set(e, (int)-pid, "clone the container's first process");
	b->pid = (pid_t)pid;
	/* Its words are few: where they do not fit, or get no page (7.x), the group's limit is too small. */
	char oom[CGROUP_OOM_TEXT] = "";
	if ((steps->failed == E2BIG || steps->failed == ENOMEM) && cgroup >= 0)
		cgroup_oom_text(cgroup, oom);
	if (*oom)
		return err_say(e, ENOMEM, "execute the sealed init program: %s", oom);
	return steps->failed ? err_set(e, steps->failed, "execute the sealed init program") : 0;
}

/* Above CHANNEL_FD, where dup3() in the child would run it over. */
static int raise_fd(int *fd)
{
	if (*fd > CHANNEL_FD)
		return 0;
	int up = fcntl(*fd, F_DUPFD_CLOEXEC, CHANNEL_FD + 1);
	if (up < 0)
		return -errno;
	close(*fd);
	*fd = up;
	return 0;
}

int birth_send(struct birth *b, const struct draft *d, struct err *e)
{
	b->forks = b->foreign ? b->forks : d->plan.flags & PLAN_FORK;
	b->awaits_mounted = d->plan.flags & PLAN_SYNC_MOUNTED;
	b->awaits_terminal = d->plan.flags & PLAN_TERMINAL;
	int r = message_send_plan(b->channel, d);
	log_debug("first process: %d, with a plan of %zu bytes and %d files", (int)b->pid,
		d->block.len, d->n_fds);
	if (r == -EAGAIN && b->from)
		return template_silent(b->from, e);
	/* One that is gone is told by what it said last, or by its end. */
	return r < 0 && r != -EPIPE && r != -ECONNRESET
		       ? err_set(e, -r, "hand the plan to the container's first process")
		       : 0;
}

int birth_begin(uint64_t by_clone, uint64_t by_child, int cgroup, const struct draft *d,
	struct birth *ret, struct err *e)
{
	automatic(birth) struct birth b = BIRTH_NONE;
	autofd int image = sealed_init_open(CHANNEL_FD + 1, e);
	int ends[2];

	if (image < 0)
		return image;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(e, errno, "make the channel");
	b.channel = ends[0];
	autofd int theirs = ends[1];
	int r = raise_fd(&image) < 0 || raise_fd(&theirs) < 0 ? -errno : 0;
	if (r < 0)
		return err_set(e, -r, "make the channel");
	struct first_steps steps = { .channel = theirs, .image = image };
	if (by_child)
		r = message_send(b.channel, CHANNEL_BEGIN, &by_child, sizeof(by_child), NULL, 0);
	if (r < 0)
		return err_set(e, -r, "use the channel");
	bool early = d && message_plan_fits(b.channel, d);
	if (early)
		r = birth_send(&b, d, e);
	if (r == 0)
		r = clone_child(&steps, by_clone, cgroup, &b, e);
	if (r == 0 && d && !early)
		r = birth_send(&b, d, e);
	if (r < 0)
		return r;
	*ret = b;
	b = (struct birth)BIRTH_NONE;
	return 0;
}

/* One that is not our child is waited for by somebody else; its end can be seen all the same. */
static void await_end(const struct birth *b)
{
	siginfo_t ignored;

	if (!b->foreign)
		waitid(P_PIDFD, (id_t)b->pidfd, &ignored, WEXITED);
	while (b->foreign &&
		poll(&(struct pollfd){ .fd = b->pidfd, .events = POLLIN }, 1, -1) < 0 &&
		errno == EINTR)
		;
}

void birth_done(struct birth *b)
{
	if (b->theirs >= 0)
		foreign_take_back(b);
	if (b->pidfd >= 0 && !b->over) {
		pidfd_send_signal(b->pidfd, SIGKILL, NULL, 0);
		await_end(b);
	}
	own_close(&b->pidfd);
	own_close(&b->channel);
	own_close(&b->listener);
	own_close(&b->terminal);
	own_close(&b->console);
	*b = (struct birth)BIRTH_NONE;
}

int birth_go(struct birth *b, struct err *e)
{
	int r = message_send(b->channel, CHANNEL_GO, NULL, 0, NULL, 0);

	/* A child that is gone is told by what it said last, or by its end. */
	return r < 0 && r != -EPIPE ? err_set(e, -r, "let the container's first process go on") : 0;
}

/* Its seccomp filter is loaded, and it waits until we have the other end (pidfd_getfd, 5.6). */
static int take_listener(struct birth *b, struct err *e)
{
	int32_t theirs;

	if (fd_read_full(b->channel, &theirs, sizeof(theirs)) != sizeof(theirs))
		return err_say(
			e, EPROTO, "hear from the container's first process: it said half a word");
	own_close(&b->listener);
	b->listener = pidfd_getfd(b->pidfd, theirs, 0);
	return b->listener < 0
		       ? err_set(e, errno, "take over the seccomp agent's end of the filter")
		       : 0;
}

static int hear_failure(int fd, struct err *e)
{
	struct failure f;

	if (fd_read_full(fd, &f, sizeof(f)) != sizeof(f))
		return err_say(
			e, EPROTO, "hear from the container's first process: it said half a word");
	f.text[sizeof(f.text) - 1] = '\0';
	int code = message_failure_code(&f);
	return f.reasoned ? err_say(e, code, "%s", f.text) : err_set(e, code, "%s", f.text);
}

int birth_died(const struct birth *b, int cgroup, struct err *e)
{
	char oom[CGROUP_OOM_TEXT] = "";
	siginfo_t info = { 0 };
	uint64_t kills = 0;

	if (!b->foreign)
		waitid(P_PIDFD, (id_t)b->pidfd, &info, WEXITED | WNOWAIT);
	/* Whoever kills uses the same signal: only the group's count tells that it was the kernel. */
	if (cgroup >= 0 && cgroup_oom_kills(cgroup, &kills) == 0 && kills)
		cgroup_oom_text(cgroup, oom);
	if (b->foreign)
		return err_say(
			e, ECHILD, "the fork died while it was set up%s%s", *oom ? ": " : "", oom);
	return err_say(e, ECHILD, "the container's process died while it was set up (%s %d)%s%s",
		info.si_code == CLD_EXITED ? "exit status" : "signal", info.si_status,
		*oom ? ": " : "", oom);
}

/*
 * Killed between its fork and its word of it, it leaves a successor that waits for us to speak and
 * holds the channel open: we would wait for each other. What it said before its end is in the
 * channel when its end is seen.
 */
static bool died_unheard(const struct birth *b)
{
	struct pollfd fds[] = { { .fd = b->channel, .events = POLLIN },
		{ .fd = b->pidfd, .events = POLLIN } };

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return !fds[0].revents && fds[1].revents;
}

static const struct enum_name heard[] = {
	{ "that it needs id maps", CHANNEL_NEED_MAPS },
	{ "that it has forked", CHANNEL_FORKED },
	{ "that its mounts are made", CHANNEL_MOUNTED },
	{ "that it is ready", CHANNEL_READY },
	{ "what its terminal is", CHANNEL_TERMINAL },
	{ "what its seccomp agent gets", CHANNEL_LISTENER },
	{ 0 },
};

/* It has failed already, and said why, or nobody is there to say it. */
static int hear_last(struct birth *b, struct err *e)
{
	struct message_beside beside = { .fd = -1 };
	struct channel_header header = { 0 };
	ssize_t n = message_receive(b->channel, &header, &beside);

	own_close(&beside.fd);
	return n == sizeof(header) && header.type == CHANNEL_FAILED ? hear_failure(b->channel, e)
								    : birth_died(b, -1, e);
}

/*
 * A fork is waited for by others: its number may be another's by now, unless it still holds the channel
 * when we have it open.
 */
static bool is_gone(const struct birth *b, int pidfd)
{
	struct pollfd p = { .fd = b->channel };

	return b->foreign && (pidfd < 0 || (poll(&p, 1, 0) > 0 && p.revents & POLLHUP));
}

/* The first process forked its successor, our child as well, and left. */
static int take_over(struct birth *b, pid_t sender, struct err *e)
{
	uint32_t pid;

	if (fd_read_full(b->channel, &pid, sizeof(pid)) != sizeof(pid))
		return err_say(
			e, EPROTO, "hear from the container's first process: it said half a word");
	if (b->foreign)
		pid = (uint32_t)sender;
	autofd int pidfd = pidfd_open((pid_t)pid, 0);
	if (is_gone(b, pidfd))
		return hear_last(b, e);
	if (pidfd < 0)
		return err_set(e, errno, "open process %u", pid);
	if (!b->foreign)
		await_end(b);
	own_close(&b->pidfd);
	b->pidfd = take_fd(&pidfd);
	b->pid = (pid_t)pid;
	b->forks = false;
	return 0;
}

/* Kept for foreground_wait(), or handed on at once: then we are not who holds it open. */
static int take_terminal(struct birth *b, int master, struct err *e)
{
	int r = 0;

	b->awaits_terminal = false;
	b->terminal = master;
	if (master < 0)
		return err_say(
			e, EPROTO, "hear from the container's first process: it sent no terminal");
	if (b->console < 0)
		return 0;
	r = handover_send(b->console, "/dev/ptmx", master);
	own_close(&b->terminal);
	own_close(&b->console);
	b->terminal = b->console = -1;
	return r < 0 ? err_set(e, -r, "hand the terminal to the console socket") : 0;
}

/* What it says once, and has said already or was not to say: it is not what we take it for. */
static bool is_unasked(struct birth *b, enum channel_type type)
{
	if (type == CHANNEL_MOUNTED && b->awaits_mounted) {
		b->awaits_mounted = false;
		return false;
	}
	return type == CHANNEL_MOUNTED || (type == CHANNEL_FORKED && !b->forks) ||
	       (type == CHANNEL_TERMINAL && !b->awaits_terminal);
}

int birth_next(struct birth *b, enum channel_type *ret, struct err *e)
{
	struct channel_header header = { 0 };

	int r = b->from ? foreign_await(b, e) : 0;
	if (r < 0)
		return r;
	if (b->forks && !b->foreign && died_unheard(b))
		return birth_died(b, -1, e);
	struct message_beside beside = { .fd = -1 };
	ssize_t n = message_receive(b->channel, &header, &beside);
	autofd int fd = beside.fd;

	/* The template, or its helper, has ended with the other end of the channel. */
	if (n <= 0 && b->foreign && b->forks)
		return birth_died(b, -1, e);
	if (n == 0 || n == -ECONNRESET) {
		log_debug("first process: has executed its program, or ended");
		*ret = 0;
		return 0;
	}
	if (n != sizeof(header))
		return err_set(
			e, n < 0 ? (int)-n : EPROTO, "hear from the container's first process");
	if (header.type == CHANNEL_FAILED)
		return hear_failure(b->channel, e);
	log_debug("first process: says %s", enum_name_of(heard, (int)header.type));
	if (is_unasked(b, header.type))
		return err_say(e, EPROTO,
			"hear from the container's first process: it says out of turn %s",
			enum_name_of(heard, (int)header.type));
	*ret = header.type;
	if (header.type == CHANNEL_LISTENER)
		return take_listener(b, e);
	if (header.type == CHANNEL_TERMINAL)
		return take_terminal(b, take_fd(&fd), e);
	return header.type == CHANNEL_FORKED ? take_over(b, beside.sender, e) : 0;
}

int birth_last_words(struct birth *b, int cgroup, struct err *e)
{
	enum channel_type said = CHANNEL_READY;
	int r = 0;

	/* One that has forked names its successor, who may live. */
	while (r == 0 && birth_has_ended(b)) {
		r = birth_next(b, &said, e);
		if (r == 0 && !said)
			r = birth_died(b, cgroup, e);
	}
	return r;
}

bool birth_has_ended(const struct birth *b)
{
	return poll(&(struct pollfd){ .fd = b->pidfd, .events = POLLIN }, 1, 0) > 0;
}

bool birth_was_over(const struct birth *b)
{
	char path[32], name[32] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)b->pid);
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 || fd_read_full(fd, name, sizeof(name) - 1) <= 0 ||
	       strcmp(name, INIT_NAME "\n") != 0;
}

struct birth birth_of_start(pid_t pid, int pidfd, int channel)
{
	struct birth b = BIRTH_NONE;

	b.pid = pid;
	b.pidfd = pidfd;
	b.channel = channel;
	b.over = true;
	return b;
}
