/* The processes that write down ends. */
#include "cmd/reaper/teller.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/reaper/scribe.h"
#include "runtime/launch.h"
#include "spec/base/fd.h"

enum {
	ALONE_MAX = 64, /* tellers that wait for a lock, at a time */
	TOLD_MAX = 3,	/* how often it is tried where a teller was killed */
};

static unsigned n_alone; /* that there are of those */

int teller_become(struct reaper *r, int keep)
{
	enum { HOME = 3, KEPT, FDS };
	sigset_t none;

	/* Above all: a pipe's end is heard when the last copy of its fd is closed. */
	if (keep >= 0)
		keep = fcntl(keep, F_DUPFD_CLOEXEC, FDS);
	if (dup3(r->home.fd, HOME, O_CLOEXEC) < 0 ||
		(keep >= 0 && dup3(keep, KEPT, O_CLOEXEC) < 0) ||
		close_range(keep >= 0 ? FDS : KEPT, ~0U, 0) < 0)
		_exit(1);
	r->home.fd = HOME;
	setrlimit(RLIMIT_NOFILE, &r->files);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return keep >= 0 ? KEPT : -1;
}

static int exit_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

void teller_tell(const struct reaper *r, const char *id, pid_t pid, int status)
{
	struct err ignored;

	/* Mostly nobody needs to be told then, and what would be said of it is long: names like its. */
	if (faccessat(r->home.fd, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		launch_ended(&r->home, id, pid, exit_status(status), NULL, &ignored);
}

/* Until nobody has it locked: mostly it is who removes it. */
static void wait_for_lock(const struct reaper *r, const struct ward *w)
{
	autofd int dir = openat(r->home.fd, w->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir >= 0)
		flock(dir, LOCK_SH);
}

static bool begin_one(struct reaper *r, struct ward *w)
{
	pid_t pid = fork();

	if (pid == 0) {
		teller_become(r, -1);
		wait_for_lock(r, w);
		teller_tell(r, w->id, w->pid, w->status);
		_exit(0);
	}
	if (pid < 0)
		return false;
	n_alone++;
	w->teller = pid;
	return true;
}

bool tellers_begin(struct reaper *r)
{
	bool all = true;

	for (struct ward *w = r->wards; w; w = w->next) {
		if (!w->ended || w->teller)
			continue;
		if (!w->alone)
			all = scribe_take(r, w) && all;
		else if (n_alone < ALONE_MAX)
			all = begin_one(r, w) && all;
	}
	return all;
}

bool tellers_ended(struct reaper *r, pid_t pid, int status)
{
	bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	bool is_scribe = scribe_ended(r, pid), ours = is_scribe;

	for (struct ward *w = r->wards, *next; w; w = next) {
		next = w->next;
		if (w->teller != pid)
			continue;
		ours = true;
		w->teller = 0;
		n_alone -= is_scribe ? 0 : 1;
		/* It was killed, at this one perhaps. */
		w->told++;
		w->alone = true;
		if ((done && !is_scribe) || w->told >= TOLD_MAX)
			ward_told(r, w);
	}
	return ours;
}
