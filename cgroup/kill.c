/*
 * SIGKILL to all of a group.
 *
 * The kernel's own way (cgroup.kill, since 5.14) signals first threads alone, and passes over those
 * that have ended: a process whose other threads live on survives it (seen on 6.18). It is listed
 * still, and a signal to the process gets there.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cgroup/knob.h"
#include "cgroup/process.h"
#include "spec/base/own.h"

enum { AT_ONCE = 64 };

#define EXITING (1U << 2) /* PF_EXITING */

static int by_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* Its first thread is on its way to the end or behind it, and does not take signals for the rest. */
static bool may_be_missed(int proc, pid_t pid)
{
	struct process_stat stat;

	return process_read_stat_of(proc, pid, &stat) == 0 && (stat.flags & EXITING) &&
	       stat.threads > 1;
}

/* Held by its pidfd, a process that is listed after that is the one in the group. */
static void kill_listed(int group, const pid_t *pids, int *fds, size_t n)
{
	autofree pid_t *listed = NULL;
	size_t n_listed = 0;
	struct err ignored;

	if (n && cgroup_processes(group, true, &listed, &n_listed, &ignored) < 0)
		n_listed = 0;
	for (size_t i = 0; i < n; i++) {
		if (n_listed && bsearch(&pids[i], listed, n_listed, sizeof(*listed), by_pid))
			pidfd_send_signal(fds[i], SIGKILL, NULL, 0);
		close(fds[i]);
	}
}

static void kill_missed(int group)
{
	autofd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autofree pid_t *pids = NULL;
	size_t n = 0, n_held = 0;
	pid_t held[AT_ONCE];
	int fds[AT_ONCE];
	struct err ignored;

	if (proc < 0 || cgroup_processes(group, true, &pids, &n, &ignored) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		int fd = may_be_missed(proc, pids[i]) ? pidfd_open(pids[i], 0) : -1;
		if (fd >= 0) {
			held[n_held] = pids[i];
			fds[n_held++] = fd;
		}
		if (n_held < AT_ONCE)
			continue;
		kill_listed(group, held, fds, n_held);
		n_held = 0;
	}
	kill_listed(group, held, fds, n_held);
}

int cgroup_kill(int fd, struct err *e)
{
	int r = knob_write(fd, "cgroup.kill", "1");

	if (r < 0)
		return knob_error(e, -r, "kill the processes of the cgroup");
	kill_missed(fd);
	return 0;
}
