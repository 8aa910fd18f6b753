/*
 * Hooks of this side (createContainer, startContainer), and the two places where the child waits.
 *
 * A hook gets its own environment and nothing of ours, the container's state on stdin, and as long
 * as its timeout: then it is killed, by a pidfd that cannot mean anybody else.
 */
#include <linux/wait.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "runtime/init/child.h"
#include "runtime/init/text.h"

/* A file, not a pipe: a hook that does not read its stdin neither stops us nor sends a signal. */
static int state_file(struct child *c, place before)
{
	char number[24];
	struct text t = TEXT_IN(number);
	long fd = sys(memfd_create, "state", 1 /* MFD_CLOEXEC */);

	if (fd < 0)
		child_fail(c, (int)fd, "make the state for hooks");
	text_add_number(&t, sys(getpid));
	const char *parts[] = { child_text(c, before), number, child_text(c, c->plan->state_tail) };
	for (size_t i = 0; i < 3; i++)
		if (parts[i])
			sys(write, fd, parts[i], strlen(parts[i]));
	sys(lseek, fd, 0, 0);
	return (int)fd;
}

/* `filtered`: a program of the container's, which its seccomp filter is for. */
static _Noreturn void become(
	struct child *c, const struct plan_hook *hook, int state, bool filtered)
{
	uint64_t *argv = child_list(c, hook->argv), *envp = child_list(c, hook->envp);

	sys(dup3, state, 0, 0);
	if (filtered && filter_load_for_hook(c) < 0)
		sys(exit_group, 127);
	sys(execve, child_text(c, hook->path), argv, envp);
	for (;;)
		sys(exit_group, 127);
}

/* Waits for the hook, or kills it after its time; its wait status by reference. False: timed out.
 */
static bool await(int pidfd, int timeout_ms, siginfo_t *info)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	struct timespec limit = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	long r;

	/* The kernel writes back what is left of the time, so an interruption does not add to it.
	 */
	do
		r = sys(ppoll, &p, 1, timeout_ms < 0 ? NULL : &limit, 0, 0);
	while (r == -EINTR);
	if (r == 0)
		sys(pidfd_send_signal, pidfd, SIGKILL, 0, 0);
	sys(waitid, P_PIDFD, pidfd, info, WEXITED | __WALL, 0);
	return r != 0;
}

static void run(struct child *c, const struct plan_hook *hook, const char *kind, place state)
{
	const char *path = child_text(c, hook->path);
	int pidfd = -1, stdin_file = state_file(c, state);
	struct clone_args args = {
		.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD
	};
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	long pid = sys(clone3, &args, sizeof(args));
	if (pid < 0)
		child_fail(c, (int)pid, "run the %s hook '%s'", kind, path);
	if (pid == 0)
		become(c, hook, stdin_file, state == c->plan->state_created);
	sys(close, stdin_file);
	bool in_time = await(pidfd, hook->timeout_ms, &info);
	sys(close, pidfd);
	if (!in_time)
		child_refuse(c, ETIMEDOUT, "run the %s hook '%s': no end after %d ms, killed", kind,
			path, hook->timeout_ms);
	if (info.si_code != CLD_EXITED)
		child_refuse(c, ECANCELED, "run the %s hook '%s': killed by signal %d", kind, path,
			info.si_status);
	if (info.si_status == 127)
		child_refuse(c, ECANCELED,
			"run the %s hook '%s': it cannot be executed (status 127)", kind, path);
	if (info.si_status != 0)
		child_refuse(c, ECANCELED, "run the %s hook '%s': exit status %d", kind, path,
			info.si_status);
}

static void run_all(struct child *c, place at, uint32_t n, const char *kind, place state)
{
	struct plan_hook *hooks = child_list(c, at);

	for (uint32_t i = 0; i < n; i++) {
		place lists[] = { hooks[i].argv, hooks[i].envp };
		for (size_t k = 0; k < 2; k++)
			for (uint64_t *item = child_list(c, lists[k]); *item; item++)
				*item += (uint64_t)(uintptr_t)c->plan;
		run(c, &hooks[i], kind, state);
	}
}

void create_hooks_run(struct child *c)
{
	run_all(c, c->plan->create_hooks, c->plan->n_create_hooks, "createContainer",
		c->plan->state_creating);
}

void start_hooks_run(struct child *c)
{
	run_all(c, c->plan->start_hooks, c->plan->n_start_hooks, "startContainer",
		c->plan->state_created);
}

/*
 * Nothing of the container runs before the parent has recorded who we are: else a creator that is
 * killed in between leaves a container that no record names.
 */
void start_wait(struct child *c)
{
	channel_wait_go(c);
	if (!(c->plan->flags & PLAN_SYNC_READY))
		return;
	channel_send(c, CHANNEL_READY, NULL, 0);
	sys(close, c->channel);
	c->channel = -1;
	channel_wait_start(c);
}
