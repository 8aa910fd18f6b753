/* Hooks of the runtime's side. */
#include "runtime/hooks.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/base/own.h"

extern char **environ;

/* A file, not a pipe: a hook that never reads its stdin cannot stop us. */
static int state_file(const char *state, struct err *e)
{
	autofd int fd = memfd_create("state", MFD_CLOEXEC);

	if (fd < 0 || fd_write_all(fd, state, strlen(state)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, errno, "make the state for hooks");
	return take_fd(&fd);
}

static int spawn(const struct hook *h, int state, const char *bundle, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char *own_path[] = { h->path, NULL };
	sigset_t none;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, state, 0);
	posix_spawn_file_actions_addchdir_np(&actions, bundle);
	/* What the caller gave us without FD_CLOEXEC is for the container, or for nobody. */
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	int code = posix_spawn(ret, h->path, &actions, &attributes, h->n_args ? h->args : own_path,
		h->env ? h->env : environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -code;
}

/* Until it ends or its time is over: then it is killed. */
static int await(const char *kind, size_t i, const struct hook *h, pid_t pid, struct err *e)
{
	autofd int pidfd = pidfd_open(pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int timeout = h->timeout.set ? (int)(h->timeout.value * 1000) : -1;
	siginfo_t info = { 0 };
	int ready;

	while ((ready = poll(&p, 1, timeout)) < 0 && errno == EINTR)
		;
	if (ready == 0)
		kill(pid, SIGKILL); /* our child, not yet waited for: the number is its own */
	while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	if (ready == 0)
		return err_say(e, ETIMEDOUT,
			"error running %s hook #%zu '%s': no end after %lld s, killed", kind, i,
			h->path, (long long)h->timeout.value);
	if (info.si_code != CLD_EXITED)
		return err_say(e, ECANCELED,
			"error running %s hook #%zu: '%s' was killed by signal %d", kind, i,
			h->path, info.si_status);
	if (info.si_status != 0)
		return err_say(e, ECANCELED, "error running %s hook #%zu: exit status %d of '%s'",
			kind, i, info.si_status, h->path);
	return 0;
}

static int run_one(const char *kind, size_t i, const struct hook *h, const char *state,
	const char *bundle, struct err *e)
{
	autofd int fd = state_file(state, e);
	pid_t pid;

	if (fd < 0)
		return fd;
	log_debug("hook: %s #%zu '%s' runs", kind, i, h->path);
	int r = spawn(h, fd, bundle, &pid);
	if (r < 0)
		return err_set(e, -r, "error running %s hook #%zu: execute '%s'", kind, i, h->path);
	return await(kind, i, h, pid, e);
}

int hooks_run(const char *kind, const struct hook *hooks, size_t n, const char *state,
	const char *bundle, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = run_one(kind, i, &hooks[i], state, bundle, e);
	return r;
}

void hooks_run_last(const struct hooks *hooks, const char *state, const char *bundle)
{
	struct err e;

	for (size_t i = 0; i < hooks->n_poststop; i++)
		if (run_one("poststop", i, &hooks->poststop[i], state, bundle, &e) < 0)
			log_warn("%s", e.text);
}
