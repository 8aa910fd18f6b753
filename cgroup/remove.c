/* The end of a group: what lives in it, the groups inside, the group itself. */
#include "cgroup/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cgroup/knob.h"
#include "cgroup/path.h"
#include "cgroup/watch.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

/* Each round kills anew: somebody may have put a process in behind the kill before. */
enum { ROUNDS = 10, ROUND_MS = 1000 };

/* The state letter of a process, '?' when it is gone. */
static char state_of(pid_t pid)
{
	char name[32], text[512];

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	autofd int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : fd_read_full(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	/* "12 (name) S ...": the name may hold anything, so from behind. */
	const char *paren = strrchr(text, ')');
	return paren && paren[1] == ' ' && paren[2] ? paren[2] : '?';
}

/* Names one process that does not die, and what it is at. */
static int still_alive(int fd, const char *path, struct err *e)
{
	autofree pid_t *pids = NULL;
	size_t n = 0;

	if (cgroup_processes(fd, true, &pids, &n, e) < 0 || n == 0)
		return err_say(e, EBUSY, "remove the cgroup '%s': it does not become empty", path);
	char state = state_of(pids[0]);
	return err_say(e, EBUSY, "remove the cgroup '%s': process %d does not end (state %c%s)",
		path, (int)pids[0], state,
		state == 'D' ? ": it waits in the kernel, where no signal reaches it" : "");
}

/*
 * Takes fd, a directory open for reading, and removes the groups in it: 0 when none is left, 1 when
 * one is busy, with groups of its own most likely: its name is then in ret_busy. `ret_seen`:
 * whether there were any.
 */
static int remove_leaves(int fd, char ret_busy[NAME_MAX + 1], bool *ret_seen)
{
	DIR *dir = fdopendir(fd);
	int r = 0;

	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_seen = false;
	for (struct dirent *d; r == 0 && (d = readdir(dir));) {
		if (d->d_type != DT_DIR || str_equal(d->d_name, ".") || str_equal(d->d_name, ".."))
			continue;
		*ret_seen = true;
		if (unlinkat(fd, d->d_name, AT_REMOVEDIR) == 0 || knob_is_gone(-errno))
			continue;
		r = errno == EBUSY ? 1 : -errno;
		snprintf(ret_busy, NAME_MAX + 1, "%s", d->d_name);
	}
	closedir(dir);
	return r;
}

/*
 * Removes all groups below `top`, the deepest first. A container that was given its cgroup can nest
 * without end, so neither the stack nor the number of open files may grow with the depth: we walk
 * down and up by one fd. -EBUSY: something lives in one of them again, or one went away under us.
 */
static int remove_below(int top)
{
	autofd int at = openat(top, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool new = false; /* we came from above, since what is here was busy */

	for (size_t depth = 0;;) {
		char name[NAME_MAX + 1];
		bool seen = false;
		int dir = at < 0 ? -1 : openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return knob_is_gone(-errno) ? -EBUSY : -errno;
		int r = remove_leaves(dir, name, &seen);
		if (r < 0)
			return r;
		if (r == 0 && depth == 0)
			return 0;
		if (r == 0 && new && !seen)
			return -EBUSY;
		new = r == 1;
		depth = new ? depth + 1 : depth - 1;
		int next = openat(at, new ? name : "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		own_close(&at);
		at = next;
	}
}

/* -EBUSY or -ETIMEDOUT: worth another round. */
static int remove_once(int root, const char *relative, int fd, int events)
{
	struct err ignored;
	int r = cgroup_kill(fd, &ignored);

	if (r == 0)
		r = watch_until(events, "populated", 0, ROUND_MS);
	if (r == 0)
		r = remove_below(fd);
	if (r == 0 && unlinkat(root, relative, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

/* Where one unlinkat() was not enough. */
static int remove_busy(int root, const char *relative, const char *path, struct err *e)
{
	autofd int fd = fd_open_beneath(root, relative, O_PATH | O_DIRECTORY), events = -1;
	int r = fd < 0 ? fd : watch_open(fd, "cgroup.events", &events, e);

	for (int round = 0; r == 0 && round < ROUNDS; round++) {
		r = remove_once(root, relative, fd, events);
		if (r == 0)
			return 0;
		if (r == -EBUSY || r == -ETIMEDOUT)
			r = 0;
	}
	if (r == 0)
		return still_alive(fd, path, e);
	return knob_is_gone(r) ? 0 : knob_error(e, -r, "remove the cgroup '%s'", path);
}

int cgroup_remove(int root, const char *path, unsigned made, struct err *e)
{
	struct cgroup_path names;
	int r = cgroup_path_parse(path, &names, e);

	if (r < 0)
		return r;
	if (unlinkat(root, names.whole, AT_REMOVEDIR) < 0 && !knob_is_gone(-errno)) {
		if (errno != EBUSY)
			return knob_error(e, errno, "remove the cgroup '%s'", path);
		r = remove_busy(root, names.whole, path, e);
	}
	if (r == 0 && made > 1)
		cgroup_prune(root, path, made - 1);
	return r;
}
