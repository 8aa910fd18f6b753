/* Groups: made, opened, killed, frozen. */
#include "cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroup/freeze_lock.h"
#include "cgroup/hierarchy.h"
#include "cgroup/knob.h"
#include "cgroup/limits.h"
#include "cgroup/path.h"
#include "cgroup/rights.h"
#include "cgroup/watch.h"
#include "spec/base/fd.h"

/* Tries to make a group whose parents others keep removing. */
enum { MAKE_TRIES = 64 };

void cgroup_done(struct cgroup *c)
{
	own_close(&c->fd);
	*c = CGROUP_NONE;
}

static int event(int fd, const char *key)
{
	uint64_t value;
	int r = knob_read_value(fd, "cgroup.events", key, &value);

	return r < 0 ? r : value != 0;
}

/*
 * Whether a user has it frozen: what a census asks for is over when the lock is got, and not
 * told. The kernel may still say that it is frozen then, until its processes have woken up.
 */
static bool is_to_stand_still(int fd)
{
	automatic(freeze_lock) struct freeze_lock lock = FREEZE_LOCK_NONE;
	uint64_t asked = 0;

	if (knob_read_number(fd, "cgroup.freeze", &asked) < 0 || !asked)
		return false;
	if (freeze_lock_open(fd, &lock) < 0)
		return true;
	freeze_lock_take(&lock, false, FREEZE_LOCK_TIMEOUT_MS);
	return knob_read_number(fd, "cgroup.freeze", &asked) == 0 && asked;
}

/* It, or one that it is in; the root has no such file. */
int cgroup_is_frozen(int fd)
{
	autofd int above = -1;
	int r = event(fd, "frozen");

	for (int at = fd; r > 0 && faccessat(at, "cgroup.freeze", F_OK, 0) == 0; at = above) {
		if (is_to_stand_still(at))
			return event(fd, "frozen");
		int next = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		own_close(&above);
		above = next;
	}
	return r > 0 ? 0 : r;
}

int cgroup_is_populated(int fd)
{
	return event(fd, "populated");
}

/* --- making ---------------------------------------------------------------------------------- */

/* A walk from the root down to the group. */
struct walk {
	const struct cgroup_path *path;
	size_t depth;	 /* names behind us */
	int fd;		 /* the group there; the root's is borrowed */
	unsigned made;	 /* the last levels that we made, without a gap */
	unsigned enable; /* controllers that the groups above the leaf must pass on */
	bool adopts;	 /* all is there: nothing is made, nor enabled that is not needed */
};

/* Why the controllers of `set` could not be enabled in the walk's group. */
static int enable_error(const struct walk *w, unsigned set, int code, struct err *e)
{
	int n = cgroup_path_length(w->path, w->depth);
	char offered[KNOB_TEXT_MAX], asked[CONTROLLERS_TEXT];
	ssize_t r = knob_read(w->fd, "cgroup.controllers", offered, sizeof(offered));

	controllers_format(set, asked);
	if (r < 0)
		return knob_error(e, (int)-r, "enable %s in '/%.*s'", asked, n, w->path->whole);
	if (set & ~controllers_parse(offered)) {
		offered[strcspn(offered, "\n")] = '\0';
		return err_say(e, ERR_NO_CONTROLLER,
			"cannot set limits: '%s' needs controllers that '/%.*s' does not have (it has: %s)",
			asked, n, w->path->whole, *offered ? offered : "none");
	}
	if (code == EBUSY)
		return err_say(e, code,
			"cannot enable '%s' in '/%.*s': it has processes of its own, which cgroup v2 "
			"allows only in groups at the end of a path",
			asked, n, w->path->whole);
	if (code == EACCES || code == EPERM)
		return err_say(e, code,
			"cannot set limits: '/%.*s' is not ours, and does not pass on '%s': " RIGHTS_HINT,
			n, w->path->whole, asked);
	return knob_error(e, code, "enable '%s' in '/%.*s'", asked, n, w->path->whole);
}

/*
 * The rest of what is offered, so that engines find the figures of a container that has no limits
 * too. The kernel may refuse one (cpu beside real-time processes, any beside processes of the
 * group's own): that is nobody's wish, so nobody is told.
 */
static void enable_the_rest(const struct walk *w, unsigned enabled)
{
	unsigned rest = hierarchy_controllers(w->fd) & ~enabled;
	char text[CONTROLLERS_TEXT];

	if (!rest ||
		knob_write(w->fd, "cgroup.subtree_control", controllers_format(rest, text)) == 0)
		return;
	for (unsigned one = 1; one <= rest; one <<= 1)
		if (rest & one)
			knob_write(w->fd, "cgroup.subtree_control", controllers_format(one, text));
}

/* Lets the walk's group pass on controllers to those below it. */
static int enable_controllers(const struct walk *w, struct err *e)
{
	char text[CONTROLLERS_FILE];

	/* A write takes the lock of all cgroups, a read does not: ask first. */
	ssize_t n = knob_read(w->fd, "cgroup.subtree_control", text, sizeof(text));
	if (n < 0)
		return knob_error(e, (int)-n, "read the controllers of '/%.*s'",
			cgroup_path_length(w->path, w->depth), w->path->whole);
	unsigned enabled = controllers_parse(text), missing = w->enable & ~enabled;
	int r = missing ? knob_write(w->fd, "cgroup.subtree_control",
				  controllers_format(missing, text))
			: 0;
	if (r < 0)
		return enable_error(w, missing, -r, e);
	if (!w->adopts)
		enable_the_rest(w, enabled | missing);
	return 0;
}

/* Opens the next group of the path; makes it where it is missing. The fd or -errno. */
static int go_down(struct walk *w)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	const char *name = w->path->name[w->depth];
	bool leaf = w->depth + 1 == w->path->n && !w->adopts, made = false;

	/* The leaf is nearly always new, a group above it nearly always there. */
	int fd = leaf ? -1 : openat(w->fd, name, flags);
	if (fd < 0 && (leaf || (errno == ENOENT && !w->adopts))) {
		made = mkdirat(w->fd, name, 0755) == 0;
		if (made || errno == EEXIST)
			fd = openat(w->fd, name, flags);
	}
	if (fd < 0) {
		int r = -errno;
		if (made)
			unlinkat(w->fd, name, AT_REMOVEDIR);
		return r;
	}
	w->made = made ? w->made + 1 : 0;
	w->depth++;
	return fd;
}

/* A leaf that was there before is taken over only when nothing lives in it. */
static int check_idle(int fd, const char *path, struct err *e)
{
	int busy = cgroup_is_populated(fd), frozen = busy ? 0 : cgroup_is_frozen(fd);

	if (busy < 0 || frozen < 0)
		return knob_error(e, busy < 0 ? -busy : -frozen, "use the cgroup '%s'", path);
	if (busy)
		return err_say(
			e, EBUSY, "use the cgroup '%s': container's cgroup is not empty", path);
	if (frozen)
		return err_say(e, EBUSY,
			"use the cgroup '%s': container's cgroup unexpectedly frozen", path);
	return 0;
}

/* The fd of the group at the end, or -errno. */
static int walk_down(struct walk *w, const char *path, struct err *e)
{
	autofd int own = -1;

	while (w->depth < w->path->n) {
		int r = enable_controllers(w, e);
		if (r < 0)
			return r;
		int fd = go_down(w);
		if (fd < 0)
			return knob_error(e, -fd, "make the cgroup '%s'", path);
		own_close(&own);
		w->fd = own = fd;
	}
	int r = w->made || w->adopts ? 0 : check_idle(own, path, e);
	return r < 0 ? r : take_fd(&own);
}

/* Removes the last n of the path's first `depth` groups. */
static void prune(int root, const struct cgroup_path *path, size_t depth, unsigned n)
{
	char at[CGROUP_PATH_MAX];

	snprintf(at, sizeof(at), "%s", path->whole);
	for (; n && depth; n--, depth--) {
		at[cgroup_path_length(path, depth)] = '\0';
		if (unlinkat(root, at, AT_REMOVEDIR) < 0 && !knob_is_gone(-errno))
			return;
	}
}

void cgroup_prune(int root, const char *path, unsigned n)
{
	struct cgroup_path names;
	struct err ignored;

	if (cgroup_path_parse(path, &names, &ignored) == 0)
		prune(root, &names, names.n - 1, n);
}

int cgroup_make(int root, const char *path, const struct resources *limits, struct cgroup *ret,
	struct err *e)
{
	automatic(limits_plan) struct limits_plan plan = { 0 };
	struct cgroup_path names;
	int r = cgroup_path_parse(path, &names, e);

	if (r == 0 && limits)
		r = limits_plan(limits, &plan, e);
	for (int tries = 0; r == 0; tries++) {
		struct walk w = { .path = &names, .fd = root, .enable = plan.controllers };
		r = walk_down(&w, path, e);
		if (r >= 0) {
			*ret = (struct cgroup){ .fd = r, .made = w.made };
			return 0;
		}
		prune(root, &names, w.depth, w.made);
		/* A group above it went away under us: somebody else's last one was removed. */
		if (knob_is_gone(r) && tries < MAKE_TRIES)
			r = 0;
	}
	return r;
}

int cgroup_adopt(int root, const char *path, const struct resources *limits, struct cgroup *ret,
	struct err *e)
{
	automatic(limits_plan) struct limits_plan plan = { 0 };
	automatic(cgroup) struct cgroup group = CGROUP_NONE;
	struct cgroup_path names;
	int r = cgroup_path_parse(path, &names, e);

	if (r == 0)
		r = limits_plan(limits, &plan, e);
	if (r == 0)
		r = cgroup_open(root, path, &group, e);
	if (r == 0 && plan.controllers & ~hierarchy_controllers(group.fd)) {
		struct walk w = {
			.path = &names, .fd = root, .enable = plan.controllers, .adopts = true
		};
		autofd int again = walk_down(&w, path, e);
		r = again < 0 ? again : 0;
	}
	if (r < 0)
		return r;
	*ret = group;
	group = CGROUP_NONE;
	return 0;
}

int cgroup_open(int root, const char *path, struct cgroup *ret, struct err *e)
{
	struct cgroup_path names;
	int r = cgroup_path_parse(path, &names, e);

	if (r < 0)
		return r;
	int fd = fd_open_beneath(root, names.whole, O_PATH | O_DIRECTORY);
	if (fd == -ENOENT)
		return err_say(e, ENOENT, "there is no cgroup '%s'", path);
	if (fd < 0)
		return knob_error(e, -fd, "open the cgroup '%s'", path);
	*ret = (struct cgroup){ .fd = fd };
	return 0;
}

/* --- what is inside -------------------------------------------------------------------------- */

/* Not in the middle of a census, which would undo it. */
static int write_freeze(int fd, bool frozen)
{
	automatic(freeze_lock) struct freeze_lock lock = FREEZE_LOCK_NONE;

	if (freeze_lock_open(fd, &lock) == 0)
		freeze_lock_take(&lock, true, FREEZE_LOCK_TIMEOUT_MS);
	return knob_write(fd, "cgroup.freeze", frozen ? "1" : "0");
}

int cgroup_freeze(int fd, bool frozen, int timeout_ms, struct err *e)
{
	const char *what = frozen ? "freeze the cgroup" : "thaw the cgroup";
	autofd int events = -1;
	int r = watch_open(fd, "cgroup.events", &events, e);

	if (r < 0)
		return err_while(e, "%s", what);
	r = write_freeze(fd, frozen);
	if (r == 0)
		r = watch_until(events, "frozen", frozen, timeout_ms);
	/* Half frozen is neither: processes would hang in it unseen. */
	if (r == -ETIMEDOUT && frozen)
		write_freeze(fd, false);
	if (r == -ETIMEDOUT)
		return err_say(e, ETIMEDOUT, "%s: not done after %d ms", what, timeout_ms);
	return r < 0 ? knob_error(e, -r, "%s", what) : 0;
}

int cgroup_enter(int fd, pid_t pid, struct err *e)
{
	char text[24];

	snprintf(text, sizeof(text), "%d", (int)pid);
	int r = knob_write(fd, "cgroup.procs", text);
	return r < 0 ? knob_error(e, -r, "move process %d into the cgroup", (int)pid) : 0;
}
