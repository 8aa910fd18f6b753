/*
 * The stub: serves a template's socket, and forks.
 *
 * A fork is made by a helper, which is born into the fork's cgroup (CLONE_INTO_CGROUP), shares the
 * template's memory until it leaves (CLONE_VM | CLONE_VFORK: no page table is copied for it), makes the
 * pid namespace, and calls libc's fork() in there, so that the fork handlers of libraries run. The fork
 * is thus the first process of its pid namespace, and in its cgroup from its first page on: its page
 * tables are charged there. The template needs no way back from a namespace, and the orphan falls
 * to the reaper, which is a subreaper and the template's parent.
 *
 * The fork makes its mount namespace of an empty one (hollow.h), not as a copy of the template's.
 *
 * All signals are blocked from before the fork until it is a container: no handler of the program runs
 * half confined. A fork whose creator is gone reads the end of its channel, and ends.
 */
#include "runtime/template/stub.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "runtime/init/text.h"
#include "runtime/template/fitness.h"
#include "runtime/template/hollow.h"
#include "runtime/template/protocol.h"
#include "runtime/template/settle.h"

enum { CONNECTIONS = 32, HELPER_STACK = 256 << 10 };

static const struct stub *stub;
static struct template_report report;
static struct child fork_child; /* the template's own copy stays as it is */
static struct settled program;	/* what of it is its own, and stays so in the forks */

/* One fork in the making: what the helper knows. */
static struct {
	int channel;
	bool rehearsal; /* it ends at once */
	uint64_t namespaces;
	void *back[5]; /* __builtin_setjmp(): into the template's own stack */
	_Alignas(16) char stack[HELPER_STACK];
} birth;

static int hollow = -1; /* where forks begin (hollow.h); without it, in our own mount namespace */

static const uint64_t all_signals = ~0ull;

static void mask_signals(const uint64_t *mask, uint64_t *ret_before)
{
	sys(rt_sigprocmask, 2 /* SIG_SETMASK */, mask, ret_before, sizeof(*mask));
}

/* --- in the fork --------------------------------------------------------------------------------
 */

/* Nothing of the template's but its memory: every fd but its standard streams, until the plan has others,
 * and the channel. */
static void begin_child(void)
{
	sys(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	sys(prctl, PR_SET_NAME, INIT_NAME, 0, 0, 0);
	fork_child.channel = birth.channel;
	fork_child.root = -1;
	if (birth.channel != CHANNEL_FD) {
		fork_child.channel = (int)sys(dup3, birth.channel, CHANNEL_FD, O_CLOEXEC);
		if (fork_child.channel < 0)
			sys(exit_group, 1);
	}
	fork_child.hollow = hollow;
	if (hollow > CHANNEL_FD + 1)
		fork_child.hollow = (int)sys(dup3, hollow, CHANNEL_FD + 1, O_CLOEXEC);
	sys(close_range, CHANNEL_FD + 1 + (fork_child.hollow >= 0), ~0u, 0);
}

/* False too where a filter answers in the kernel's place: then nothing is written. */
static bool holds_only(uint64_t permitted, uint64_t effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct held[2];

	memset(held, 0xff, sizeof(held));
	if (sys(capget, &header, held) < 0)
		return false;
	return !((held[0].permitted | (uint64_t)held[1].permitted << 32) & ~permitted) &&
	       !((held[0].effective | (uint64_t)held[1].effective << 32) & ~effective);
}

/*
 * As execve() does where a filter needed the privilege to be loaded (identity.c). Under the filter: one that
 * refuses this is one that cannot be kept without an execve(). LIMIT: so is one that says it was done
 * and was not, unless an agent of it or a tracer writes what capget() should have.
 */
static void drop_kept_caps(struct child *c)
{
	const struct init_plan *plan = c->plan;

	if (!plan->n_filter || plan->flags & PLAN_NO_NEW_PRIVS)
		return;
	if (caps_set(plan, 0) < 0)
		child_refuse(c, EPERM,
			"drop the capability that the seccomp filter was loaded with: the filter forbids capset()");
	if (!holds_only(plan->caps_permitted, plan->caps_effective))
		child_refuse(c, EPERM,
			"drop the capability that the seccomp filter was loaded with: under the filter capset() does not, or capget() does not tell");
}

/* The last of the steps, in the place of the execve(). */
static void become_program(struct child *c)
{
	unsigned kept = 3 + c->plan->n_preserve;

	fds_place(c);
	sys(close_range, kept, (unsigned)c->channel - 1, 0);
	sys(close_range, (unsigned)c->channel + 1, ~0u, 0);
	settle_apply(&program);
	filter_load(c);
	drop_kept_caps(c);
	sys(close, c->channel);
	c->channel = -1;
	settle_forget(c);
}

static struct child *live_as_container(void)
{
	struct child *c = &fork_child;
	uint32_t unknown = 0; /* our number out there: who hears this is told it by the kernel */

	begin_child();
	c->step = "namespaces";
	channel_send(c, CHANNEL_FORKED, &unknown, sizeof(unknown));
	channel_receive_plan(c);
	if (!(c->plan->flags & PLAN_RETURNS))
		child_refuse(c, EPROTO, "take in the plan: it is not for a fork");
	settle_show(&program, c);
	steps_perform(c);
	become_program(c);
	mask_signals(&program.signal_mask, NULL);
	return c;
}

/* --- in the helper ------------------------------------------------------------------------------
 */

static void tell_failure(int channel, long why, const char *what)
{
	struct {
		struct channel_header header;
		struct failure failure;
	} word = {
		.header = { CHANNEL_FAILED, sizeof(word.failure) },
		.failure.code = (int32_t)-why,
	};
	struct text t = TEXT_IN(word.failure.text);

	text_add(&t, what);
	sys(sendto, channel, &word, sizeof(word), MSG_NOSIGNAL, 0, 0);
}

static void help(void)
{
	long r = birth.namespaces ? sys(unshare, birth.namespaces) : 0;

	if (r < 0)
		tell_failure(birth.channel, r, "make a pid namespace for a fork");
	else if ((r = stub->fork()) == 0 && birth.rehearsal)
		sys(exit_group, 0);
	else if (r == 0)
		__builtin_longjmp(birth.back, 1);
	else if (r < 0)
		tell_failure(birth.channel, r, "fork the template");
	else if (birth.rehearsal)
		sys(wait4, r, NULL, 0, NULL);
	for (;;)
		sys(exit, 0);
}

/* As clone_running() in birth.c: the helper shares our memory and needs its own stack. */
static long clone_helper(struct clone_args *args, void (*body)(void))
{
	long ret;
#ifdef __x86_64__
	register void (*fn)(void) __asm__("r12") = body;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "call *%%r12\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(__NR_clone3), "D"(args), "S"(sizeof(*args)), "r"(fn)
			 : "rcx", "r11", "memory");
#else
	register long x8 __asm__("x8") = __NR_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof(*args);
	register void (*fn)(void) __asm__("x19") = body;

	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, #0\n\t"
			 "blr x19\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(fn)
			 : "memory", "x30");
	ret = x0;
#endif
	return ret;
}

/* --- in the template ----------------------------------------------------------------------------
 */

/*
 * It shares our memory: where it did not leave by itself it may have held locks, as the handlers of a fork do,
 * and nothing is forked of a program that is half in a fork.
 */
static _Noreturn void end_half_forked(int channel, int status)
{
	static char line[160];
	struct text t = TEXT_IN(line);

	text_add(&t, "cow template: the helper of a fork ");
	text_add(&t, status & 0x7f ? "was killed by signal " : "ended with status ");
	text_add_number(&t, status & 0x7f ? status & 0x7f : status >> 8);
	text_add(&t, ": it may have held locks, so nothing is forked any more\n");
	sys(write, 2, t.at, t.len);
	tell_failure(channel, -ECANCELED, "fork the template: its helper was killed");
	for (;;)
		sys(exit_group, 1);
}

/* True in the fork. */
static bool fork_one(int channel, int cgroup, uint64_t namespaces)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
		.stack = (uint64_t)(uintptr_t)birth.stack,
		.stack_size = sizeof(birth.stack),
		.cgroup = (uint64_t)(cgroup >= 0 ? cgroup : 0),
	};
	uint64_t before;
	int status = 0;
	long pid;

	birth.channel = channel;
	birth.namespaces = namespaces;
	mask_signals(&all_signals, &before);
	if (stub->before)
		stub->before();
	if (__builtin_setjmp(birth.back))
		return true;
	pid = clone_helper(&args, help);
	if (pid < 0)
		tell_failure(channel, pid, "clone the helper of a fork into its cgroup");
	else
		while (sys(wait4, pid, &status, __WALL, NULL) == -EINTR)
			;
	if (status)
		end_half_forked(channel, status);
	report.forks += pid >= 0 && !birth.rehearsal;
	if (stub->after_parent)
		stub->after_parent();
	mask_signals(&before, NULL);
	return false;
}

/* Whoever asked has given up while we did not answer: nobody would hear of what we fork. */
static bool is_given_up(int channel)
{
	const struct timespec at_once = { 0, 0 };
	struct pollfd p = { .fd = channel };

	return sys(ppoll, &p, 1, &at_once, NULL, 0) > 0 && p.revents & POLLHUP;
}

static void answer(int connection, const struct template_message *m)
{
	sys(sendto, connection, m, sizeof(*m), MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0);
}

/* The fds of one message; too few are -1. */
static long receive(int connection, struct template_message *m, int fds[2])
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 2)];
	} control = { 0 };
	struct iovec io = { m, sizeof(*m) };
	struct msghdr h = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	long n = sys(recvmsg, connection, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	struct cmsghdr *at = n > 0 ? CMSG_FIRSTHDR(&h) : NULL;
	if (at && at->cmsg_type == SCM_RIGHTS && at->cmsg_len <= CMSG_LEN(sizeof(int) * 2))
		memcpy(fds, CMSG_DATA(at), at->cmsg_len - CMSG_LEN(0));
	return n;
}

/* False when nobody is there any more; `ret_forked`: we are a fork. */
static bool attend(int connection, bool *ret_forked)
{
	struct template_message m = { 0 };
	int fds[2] = { -1, -1 };
	long n = receive(connection, &m, fds);

	if (n == -EINTR || n == -EAGAIN)
		return true;
	if (n == (long)sizeof(m) && m.type == TEMPLATE_HELLO) {
		m.type = TEMPLATE_READY;
		m.report = report;
		answer(connection, &m);
	} else if (n == (long)sizeof(m) && m.type == TEMPLATE_FORK && fds[0] >= 0 &&
		   !is_given_up(fds[0])) {
		*ret_forked = fork_one(fds[0], fds[1], m.namespaces & CLONE_NEWPID);
		if (*ret_forked)
			return true;
		m.type = TEMPLATE_FORKED;
		answer(connection, &m);
	}
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			sys(close, fds[i]);
	return n > 0;
}

/*
 * To whoever asks first, as a refusal, and to the log: then we end. A program that cannot be a template goes
 * on as nothing else, since it was started to be one.
 */
static _Noreturn void refuse_all(int listener, const struct template_message *answer_to_all)
{
	struct template_message asked;
	long r;

	do
		r = sys(accept4, listener, NULL, NULL, SOCK_CLOEXEC);
	while (r == -EINTR || r == -ECONNABORTED);
	if (r >= 0)
		sys(recvfrom, r, &asked, sizeof(asked), 0, NULL, NULL);
	answer((int)r, answer_to_all);
	for (;;)
		sys(exit_group, 1);
}

/* `m` begins with the reason's text that `why` is. */
static _Noreturn void refuse(int listener, struct template_message *m, struct text *why, long code)
{
	m->type = TEMPLATE_REFUSED;
	m->failure.code = (int32_t)-code;
	sys(write, 2, why->at, why->len);
	sys(write, 2, "\n", 1);
	refuse_all(listener, m);
}

static void be_fit(int listener)
{
	struct template_message m;
	struct text why = TEXT_IN(m.failure.text);

	memset(&m, 0, sizeof(m));
	text_add(&why, "it cannot be a template: ");
	long r = fitness_check(listener, &why);
	if (r)
		refuse(listener, &m, &why, r);
}

/* Of its root: what a fork finds below its own files does not change any more. */
static void seal_root(int listener)
{
	struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };
	struct template_message m;
	struct text why = TEXT_IN(m.failure.text);
	long r = sys(mount_setattr, AT_FDCWD, "/", 0, &readonly, sizeof(readonly));

	if (r >= 0)
		return;
	memset(&m, 0, sizeof(m));
	text_add(&why, "it cannot be a template: make its root read-only: ");
	if (r == -EBUSY) {
		text_add(&why, "another process has a file of it open for writing");
	} else {
		text_add(&why, "error ");
		text_add_number(&why, -r);
	}
	refuse(listener, &m, &why, r);
}

/* A fork of nothing, for what it makes the template write. */
static int rehearse(void *unused)
{
	(void)unused;
	birth.rehearsal = true;
	fork_one(-1, -1, 0);
	birth.rehearsal = false;
	return 0;
}

static void hollow_out(void)
{
	long fd = hollow_make();

	hollow = (int)fd;
	/* Not where the channel will be. */
	if (fd >= 0 && fd <= CHANNEL_FD) {
		hollow = (int)sys(fcntl, fd, F_DUPFD_CLOEXEC, CHANNEL_FD + 1);
		sys(close, fd);
	}
	for (;;)
		sys(exit, 0);
}

/* By one who shares our memory and our fds, and no more. */
static void make_hollow(void)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_FILES,
		.stack = (uint64_t)(uintptr_t)birth.stack,
		.stack_size = sizeof(birth.stack),
	};
	uint64_t before;
	int status = 0;

	mask_signals(&all_signals, &before);
	long pid = clone_helper(&args, hollow_out);
	while (pid >= 0 && sys(wait4, pid, &status, __WALL, NULL) == -EINTR)
		;
	mask_signals(&before, NULL);
}

static struct pollfd fds[1 + CONNECTIONS];

/* Of a program that is half moved nothing is forked. */
static void freeze_memory(void)
{
	const struct freeze_range keep[] = {
		{ &birth, sizeof(birth) },
		{ &report, sizeof(report) },
		{ fds, sizeof(fds) },
	};
	const struct freeze_options options = {
		.ask = freeze_asked(TEMPLATE_FREEZE "="),
		.allowed = stub->bears_freezing,
		.keep = keep,
		.n_keep = sizeof(keep) / sizeof(keep[0]),
		.rehearse = rehearse,
	};

	if (template_freeze(&options, &report.freeze) < 0)
		sys(exit_group, 1);
}

struct child *stub_serve(const struct stub *s)
{
	bool forked = false;

	stub = s;
	settle_note(&program);
	be_fit(s->listener);
	/* Or its forks would fall to it, and not to the reaper. */
	sys(prctl, PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	sys(fcntl, s->listener, F_SETFD, FD_CLOEXEC);
	make_hollow();
	freeze_memory();
	seal_root(s->listener);
	for (int i = 1; i <= CONNECTIONS; i++)
		fds[i].fd = -1;
	for (;;) {
		int *free_fd = NULL;
		for (int i = 1; i <= CONNECTIONS; i++) {
			fds[i].events = POLLIN;
			if (fds[i].fd < 0)
				free_fd = &fds[i].fd;
		}
		fds[0] = (struct pollfd){ .fd = free_fd ? s->listener : -1, .events = POLLIN };
		if (sys(ppoll, fds, 1 + CONNECTIONS, NULL, NULL, 0) < 0)
			continue;
		for (int i = 1; i <= CONNECTIONS; i++)
			if (fds[i].fd >= 0 && fds[i].revents && !attend(fds[i].fd, &forked)) {
				sys(close, fds[i].fd);
				fds[i].fd = -1;
			} else if (forked) {
				return live_as_container();
			}
		if (free_fd && fds[0].revents)
			*free_fd = (int)sys(accept4, s->listener, NULL, NULL, SOCK_CLOEXEC);
	}
}
