/*
 * Hooks of this side (createContainer, startContainer), and the two places where the child waits.
 *
 * A hook gets its own environment and nothing of ours, the container's state on stdin, and as long
 * as its timeout: then it is killed, by a pidfd that cannot mean anybody else. What it says on
 * stderr is kept in a file, not a pipe, so that what it leaves running holds nobody up: of one that
 * fails the last line is told, of others it goes to ours.
 */
#include <fcntl.h>
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

/* A hook of the table, as it runs. */
struct running {
	const struct plan_hook *hook;
	const char *kind, *cwd; /* cwd NULL: where we are */
	int index;
	bool filtered;	      /* a program of the container's, which its seccomp filter is for */
	int state, complaint; /* what it reads as stdin; what it says on stderr */
};

static _Noreturn void become(struct child *c, const struct running *r)
{
	uint64_t *argv = child_list(c, r->hook->argv), *envp = child_list(c, r->hook->envp);

	sys(dup3, r->state, 0, 0);
	sys(dup3, r->complaint, 2, 0);
	bool ready = !r->cwd || sys(chdir, r->cwd) >= 0;
	if (ready && (!r->filtered || filter_load_for_hook(c) >= 0))
		sys(execve, child_text(c, r->hook->path), argv, envp);
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

/* What it said goes where it would have gone. */
static void pass_on(int complaint)
{
	char bytes[1024];
	long n;

	sys(lseek, complaint, 0, 0);
	while ((n = sys(read, complaint, bytes, sizeof(bytes))) > 0)
		sys(write, 2, bytes, n);
}

/* The last line that it said, ": " before it; "" if it said nothing. */
static const char *last_line(int complaint)
{
	static char bytes[300];
	long end = sys(lseek, complaint, 0, 2 /* SEEK_END */);
	long from = end > 256 ? end - 256 : 0;
	long n = sys(pread64, complaint, bytes + 2, 256, from), at;

	while (n > 0 && (bytes[n + 1] == '\n' || bytes[n + 1] == ' '))
		n--;
	if (n <= 0)
		return "";
	bytes[n + 2] = '\0';
	for (at = n + 2; at > 2 && bytes[at - 1] != '\n'; at--)
		;
	bytes[at - 2] = ':';
	bytes[at - 1] = ' ';
	return bytes + at - 2;
}

static _Noreturn void refuse(
	struct child *c, const struct running *r, bool in_time, siginfo_t *info)
{
	const char *path = child_text(c, r->hook->path), *said = last_line(r->complaint);

	if (!in_time)
		child_refuse(c, ETIMEDOUT,
			"error running %s hook #%d: '%s' had not ended after %d s, killed%s",
			r->kind, r->index, path, r->hook->timeout_ms / 1000, said);
	if (info->si_code != CLD_EXITED)
		child_refuse(c, ECANCELED,
			"error running %s hook #%d: '%s' was killed by signal %d%s", r->kind,
			r->index, path, info->si_status, said);
	if (info->si_status == 127 && !*said)
		child_refuse(c, ECANCELED,
			"error running %s hook #%d: '%s' cannot be executed (status 127)", r->kind,
			r->index, path);
	child_refuse(c, ECANCELED, "error running %s hook #%d: exit status %d of '%s'%s", r->kind,
		r->index, info->si_status, path, said);
}

static void run(struct child *c, struct running *r, place state)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD
	};
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	r->state = state_file(c, state);
	r->complaint = (int)sys(memfd_create, "stderr", 1 /* MFD_CLOEXEC */);
	sys(fcntl, r->complaint, F_SETFL, O_APPEND); /* others may open it anew, as /dev/stderr */
	long pid = r->complaint < 0 ? r->complaint : sys(clone3, &args, sizeof(args));
	if (pid < 0)
		child_fail(c, (int)pid, "error running %s hook #%d: run '%s'", r->kind, r->index,
			child_text(c, r->hook->path));
	if (pid == 0)
		become(c, r);
	bool in_time = await(pidfd, r->hook->timeout_ms, &info);
	sys(close, pidfd);
	sys(close, r->state);
	if (!in_time || info.si_code != CLD_EXITED || info.si_status != 0)
		refuse(c, r, in_time, &info);
	pass_on(r->complaint);
	sys(close, r->complaint);
}

static void run_all(struct child *c, place at, uint32_t n, struct running as, place state)
{
	struct plan_hook *hooks = child_list(c, at);

	for (uint32_t i = 0; i < n; i++) {
		place lists[] = { hooks[i].argv, hooks[i].envp };
		for (size_t k = 0; k < 2; k++)
			for (uint64_t *item = child_list(c, lists[k]); *item; item++)
				*item += (uint64_t)(uintptr_t)c->plan;
		as.hook = &hooks[i];
		as.index = (int)i;
		run(c, &as, state);
	}
}

void create_hooks_run(struct child *c)
{
	struct running as = { .kind = "createContainer", .cwd = child_text(c, c->plan->bundle) };

	run_all(c, c->plan->create_hooks, c->plan->n_create_hooks, as, c->plan->state_creating);
}

void start_hooks_run(struct child *c)
{
	struct running as = { .kind = "startContainer", .filtered = true };

	run_all(c, c->plan->start_hooks, c->plan->n_start_hooks, as, c->plan->state_created);
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
