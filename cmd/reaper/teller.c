/* The processes that write down ends. */
#include "cmd/reaper/teller.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/launch.h"

enum {
	ALONE_MAX = 64, /* tellers that wait for a lock, at a time */
	TOLD_MAX = 3,	/* how often it is tried where a teller was killed */
	LEFT_SOME = 2,	/* exit status */
};

static pid_t batch;	 /* the one of many; 0: none */
static unsigned n_alone; /* the others */

/* Only what is its own goes to what it may start: neither our fds nor our limit nor our signals. */
static void become_teller(struct reaper *r)
{
	sigset_t none;

	/* Above all: a pipe's end is heard when the last copy of its fd is closed. */
	if (dup3(r->home.fd, 3, O_CLOEXEC) < 0 || close_range(4, ~0U, 0) < 0)
		_exit(1);
	r->home.fd = 3;
	setrlimit(RLIMIT_NOFILE, &r->files);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int exit_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* Nobody needs to be told then; and what would be said of it is long: names that are like its. */
static bool is_removed(const struct reaper *r, const struct ward *w)
{
	return faccessat(r->home.fd, w->id, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/* Until nobody has it locked: mostly it is who removes it. */
static void wait_for_lock(const struct reaper *r, const struct ward *w)
{
	autofd int dir = openat(r->home.fd, w->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir >= 0)
		flock(dir, LOCK_SH);
}

/* Whoever has removed it may have given its name to another one. */
static void tell(const struct reaper *r, const struct ward *w)
{
	automatic(record) struct record record = { 0 };
	struct err ignored;

	if (is_removed(r, w))
		return;
	int read = record_read(&r->home, w->id, &record, &ignored);

	if (read == -ERR_NO_CONTAINER || (read == 0 && record.init.pid != w->pid))
		return;
	/* A teller that was killed before us may have got that far. */
	if (read == 0 && record.ended && !record.remove_at_exit)
		return;
	launch_ended(&r->home, w->id, exit_status(w->status), NULL, &ignored);
}

static bool is_to_tell(const struct ward *w, bool alone)
{
	return w->ended && !w->teller && w->alone == alone;
}

/* Whose record got locked in this instant is left to one of its own. */
_Noreturn static void tell_all(struct reaper *r)
{
	bool left = false;

	become_teller(r);
	for (const struct ward *w = r->wards; w; w = w->next) {
		if (!is_to_tell(w, false))
			continue;
		if (record_is_locked(&r->home, w->id))
			left = true;
		else
			tell(r, w);
	}
	_exit(left ? LEFT_SOME : 0);
}

_Noreturn static void tell_one(struct reaper *r, const struct ward *w)
{
	become_teller(r);
	wait_for_lock(r, w);
	tell(r, w);
	_exit(0);
}

/* The fork of it; false: there is no process to be had for it now. */
static bool begin_batch(struct reaper *r)
{
	bool some = false;

	for (const struct ward *w = r->wards; w && !some; w = w->next)
		some = is_to_tell(w, false);
	if (!some || batch > 0)
		return true;
	batch = fork();
	if (batch == 0)
		tell_all(r);
	for (struct ward *w = r->wards; batch > 0 && w; w = w->next)
		if (is_to_tell(w, false))
			w->teller = batch;
	return batch > 0;
}

static bool begin_one(struct reaper *r, struct ward *w)
{
	pid_t pid = fork();

	if (pid == 0)
		tell_one(r, w);
	if (pid < 0)
		return false;
	n_alone++;
	w->teller = pid;
	return true;
}

bool tellers_begin(struct reaper *r)
{
	bool all = true;

	for (struct ward *w = r->wards, *next; w; w = next) {
		next = w->next;
		if (w->ended && !w->teller && is_removed(r, w)) {
			ward_told(r, w);
			continue;
		}
		if (is_to_tell(w, false))
			w->alone = w->told || record_is_locked(&r->home, w->id);
		if (is_to_tell(w, true) && n_alone < ALONE_MAX)
			all = begin_one(r, w) && all;
	}
	return begin_batch(r) && all;
}

bool tellers_ended(struct reaper *r, pid_t pid, int status)
{
	bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	bool killed = WIFSIGNALED(status), ours = false;

	for (struct ward *w = r->wards, *next; w; w = next) {
		next = w->next;
		if (w->teller != pid)
			continue;
		ours = true;
		w->teller = 0;
		w->told += killed ? 1 : 0;
		if (done || w->told >= TOLD_MAX)
			ward_told(r, w);
	}
	if (pid == batch)
		batch = 0;
	else if (ours)
		n_alone--;
	return ours;
}
