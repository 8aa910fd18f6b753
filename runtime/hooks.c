/* Hooks of the runtime's side. */
#include "runtime/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "spec/base/fd.h"
#include "spec/base/log.h"

extern char **environ;

/* A file, not a pipe: a hook that never reads its stdin cannot stop us. */
static int state_file(const char *state, struct err *e)
{
	autofd int fd = memfd_create("state", MFD_CLOEXEC);

	if (fd < 0 || fd_write_all(fd, state, strlen(state)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, errno, "make the state for hooks");
	return take_fd(&fd);
}

/* What a hook says on stderr: a file as well, for whatever it leaves running holds nobody up. */
static int complaint_file(struct err *e)
{
	autofd int fd = memfd_create("stderr", MFD_CLOEXEC);

	/* Appending: others may open it anew, as /dev/stderr. */
	if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND) < 0)
		return err_set(e, errno, "take what hooks say");
	return take_fd(&fd);
}

/* It goes where it would have gone. */
static void pass_on(int complaint)
{
	char bytes[4096];
	ssize_t n;

	lseek(complaint, 0, SEEK_SET);
	while ((n = read(complaint, bytes, sizeof(bytes))) > 0)
		if (fd_write_all(STDERR_FILENO, bytes, (size_t)n) < 0)
			return;
}

#define LINE_MAX_BYTES 256

/* The last line that it said, with ": " before it; "" if it said nothing. */
static const char *last_line(int complaint, char out[LINE_MAX_BYTES + 3])
{
	off_t end = lseek(complaint, 0, SEEK_END);
	char *line = out + 2;
	ssize_t n = pread(
		complaint, line, LINE_MAX_BYTES, end > LINE_MAX_BYTES ? end - LINE_MAX_BYTES : 0);

	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == ' '))
		n--;
	if (n <= 0)
		return "";
	line[n] = '\0';
	char *newline = memrchr(line, '\n', (size_t)n);
	line = newline ? newline + 1 : line;
	line[-2] = ':';
	line[-1] = ' ';
	return line - 2;
}

static int spawn(const struct hook *h, int state, int complaint, const char *bundle, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char *own_path[] = { h->path, NULL };
	sigset_t none;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, state, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, complaint, STDERR_FILENO);
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

/* Until it ends, which is told by `info`, or is killed: its time is over (-ETIMEDOUT), or it cannot
 * be watched. */
static int await(const struct hook *h, pid_t pid, siginfo_t *info)
{
	autofd int pidfd = pidfd_open(pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int timeout = h->timeout.set ? (int)(h->timeout.value * 1000) : -1;
	int ready = -1, r = 0;

	while (pidfd >= 0 && (ready = poll(&p, 1, timeout)) < 0 && errno == EINTR)
		;
	if (ready <= 0)
		r = ready == 0 ? -ETIMEDOUT : -errno;
	if (r < 0)
		kill(pid, SIGKILL); /* our child, not yet waited for: the number is its own */
	while (waitid(P_PID, (id_t)pid, info, WEXITED) < 0 && errno == EINTR)
		;
	return r;
}

static int run_one(const char *kind, size_t i, const struct hook *h, const char *state,
	const char *bundle, struct err *e)
{
	autofd int fd = state_file(state, e);
	autofd int complaint = fd < 0 ? -1 : complaint_file(e);
	char line[LINE_MAX_BYTES + 3];
	siginfo_t info = { 0 };
	pid_t pid;

	if (complaint < 0)
		return fd < 0 ? fd : complaint;
	log_debug("hook: %s #%zu '%s' runs", kind, i, h->path);
	int r = spawn(h, fd, complaint, bundle, &pid);
	if (r < 0)
		return err_set(e, -r, "error running %s hook #%zu: execute '%s'", kind, i, h->path);
	r = await(h, pid, &info);
	if (r == 0 && info.si_code == CLD_EXITED && info.si_status == 0) {
		pass_on(complaint);
		return 0;
	}
	const char *said = last_line(complaint, line);
	if (r < 0 && r != -ETIMEDOUT)
		return err_set(
			e, -r, "error running %s hook #%zu: watch '%s', killed", kind, i, h->path);
	if (r < 0)
		return err_say(e, ETIMEDOUT,
			"error running %s hook #%zu: '%s' had not ended after %lld s, killed%s",
			kind, i, h->path, (long long)h->timeout.value, said);
	if (info.si_code != CLD_EXITED)
		return err_say(e, ECANCELED,
			"error running %s hook #%zu: '%s' was killed by signal %d%s", kind, i,
			h->path, info.si_status, said);
	return err_say(e, ECANCELED, "error running %s hook #%zu: exit status %d of '%s'%s", kind,
		i, info.si_status, h->path, said);
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
