/* A container's cgroup. */
#include "runtime/group.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "cgroup/delegate.h"
#include "cgroup/devices.h"
#include "cgroup/hierarchy.h"
#include "cgroup/knob.h"
#include "cgroup/limits.h"
#include "cgroup/path.h"
#include "cgroup/rights.h"
#include "cgroup/watch.h"
#include "runtime/rootless.h"
#include "runtime/scope.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/base/userns.h"

#define SETTLE_TIMEOUT_MS 2000

/* --- made -------------------------------------------------------------------------------------- */

/* How many levels of the path are not there: what cgroup_make() is about to make. */
static unsigned missing_levels(int root, const char *path)
{
	autofree char *prefix = strdup(path + strspn(path, "/"));
	unsigned missing = 0;

	for (size_t n = prefix ? strlen(prefix) : 0; n; missing++) {
		while (prefix[n - 1] == '/')
			prefix[--n] = '\0';
		autofd int fd = openat(root, prefix, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			break;
		const char *slash = strrchr(prefix, '/');
		n = slash ? (size_t)(slash - prefix) : 0;
		prefix[n] = '\0';
	}
	return missing;
}

/*
 * A rule of all devices at the end leaves nothing of those before it. One that allows asks for
 * nothing (podman's --privileged), and one that denies is what engines write for everybody.
 */
static bool is_of_all(const struct device_rule *rule)
{
	return (!rule->type || strcmp(rule->type, "a") == 0) && !rule->major.set &&
	       !rule->minor.set && (!rule->access || strlen(rule->access) == 3);
}

/* Without a group nothing holds a limit: refused, not left out. */
static int check_unlimited(const struct resources *r, struct err *e)
{
	automatic(limits_plan) struct limits_plan plan = { 0 };
	int bad = limits_plan(r, &plan, e);

	for (size_t i = 0; bad == 0 && i < plan.n; i++)
		if (!(plan.v[i].flags & LIMIT_MAY_LACK))
			return err_say(e, EINVAL,
				"linux.resources: '%s' cannot be set without a cgroup (option --cgroup-manager)",
				plan.v[i].file);
	if (bad == 0 && r->n_devices && !is_of_all(&r->devices[r->n_devices - 1]))
		log_warn("linux.resources.devices: without a cgroup the rules are not enforced");
	return bad;
}

/*
 * Without a path of its own a container lives in /cowrun-ID, which names whose it is also where its
 * record is damaged; an ordinary user's is where he may make groups. NULL: no memory; or he has no
 * such place.
 */
static char *group_path(int root, const char *given, const char *id, bool ordinary)
{
	bool named = given && *given;
	autofree char *above = ordinary && !(named && *given == '/') ? rights_place(root) : NULL;

	if (named && *given == '/')
		return strdup(given);
	if (ordinary && !above)
		return NULL;
	return str_format(
		"%s/%s%s", above ? above : "", named ? "" : "cowrun-", named ? given : id);
}

static bool is_writable_cgroup_mount(const struct mount_spec *m)
{
	if (!str_equal(m->source, "cgroup") || !str_equal(m->destination, "/sys/fs/cgroup"))
		return false;
	for (size_t i = 0; i < m->n_options; i++)
		if (str_equal(m->options[i], "ro"))
			return false;
	return true;
}

bool group_owner(const struct spec *spec, uid_t *ret)
{
	const struct linux_spec *l = &spec->linux_;
	const struct namespace_spec *cgroup = spec_namespace(spec, CLONE_NEWCGROUP),
				    *user = spec_namespace(spec, CLONE_NEWUSER);
	uint32_t uid = spec->process->user.uid;
	bool writable = false;

	for (size_t i = 0; !writable && i < spec->n_mounts; i++)
		writable = is_writable_cgroup_mount(&spec->mounts[i]);
	if (!writable || !cgroup || namespace_is_joined(cgroup))
		return false;
	if (!user) {
		*ret = uid;
		return uid != 0; /* it is root's already */
	}
	for (size_t i = 0; i < l->n_uid_maps; i++)
		if (uid - l->uid_maps[i].inside < l->uid_maps[i].size) {
			*ret = l->uid_maps[i].outside + (uid - l->uid_maps[i].inside);
			return true;
		}
	return false;
}

static bool is_refused(int r)
{
	return r == -EACCES || r == -EPERM || r == -EROFS;
}

/* Who has no rights gets no group, and hears of it only where a limit is asked for. */
static int go_without(struct container *c, struct err *e)
{
	log_debug("cgroup: none, as we may make none here");
	free(take(c->cgroup_path));
	return rights_refuse_limits(&c->spec->linux_.resources, e);
}

static int make_at_path(struct container *c, const struct create_options *o, struct err *e)
{
	const struct resources *limits = &c->spec->linux_.resources;
	bool looks = o->from || strchr(c->cgroup_path + 1, '/');
	unsigned made = looks ? missing_levels(c->root, c->cgroup_path) : 1;
	int r = record_add(c->journal, "cgroup", "%s", e, c->cgroup_path);

	if (r == 0 && (made != 1 || o->from))
		r = record_add(c->journal, "cgroup-made", "%u", e, made);
	if (r < 0)
		return r;
	r = cgroup_make(c->root, c->cgroup_path, limits, &c->cgroup, e);
	/* An ordinary user's rights were looked at before. Root of a user namespace is told from the
	 * host's root here only: that takes a call. */
	if (!is_refused(r) || o->inside || o->strict_cgroup || !userns_is_inner())
		return r;
	r = record_add(c->journal, "cgroup", "%s", e, "");
	return r < 0 ? r : go_without(c, e);
}

static int make_directory(struct container *c, const struct create_options *o, struct err *e)
{
	c->cgroup_path = group_path(c->root, c->spec->linux_.cgroups_path, c->id, o->inside);
	bool may = !o->inside || (c->cgroup_path && rights_to(c->root, c->cgroup_path));
	if (!may && !o->strict_cgroup)
		return go_without(c, e);
	if (!c->cgroup_path)
		return o->inside ? err_say(e, EPERM, "make a cgroup: none here is ours")
				 : err_set(e, ENOMEM, "name the cgroup");
	return make_at_path(c, o, e);
}

/* What it may use, and who owns it. */
static int furnish(struct container *c, const struct create_options *o, struct err *e)
{
	const struct resources *limits = &c->spec->linux_.resources;
	uid_t owner;
	int bad = devices_apply(c->cgroup.fd, limits, c->cgroup.made, c->home->fd, e);

	/* The kernel takes rules from the host's root only. In a user namespace no device can be
	 * made, so that the only ones are those that were bound. */
	if (bad == -EPERM && (o->inside || userns_is_inner()))
		bad = 0;
	int r = bad < 0 ? bad : limits_apply(c->cgroup.fd, limits, e);
	if (r == 0 && o->die_together)
		r = limits_die_together(c->cgroup.fd, e);
	if (r == 0 && group_owner(c->spec, &owner))
		r = cgroup_delegate(c->cgroup.fd, owner, e);
	return r;
}

/* NULL: there is none. */
static int (*const makers[])(struct container *c, const struct create_options *o, struct err *e) = {
	[GROUP_USUAL] = make_directory,
	[GROUP_CGROUPFS] = make_directory,
	[GROUP_SYSTEMD] = scope_make,
	[GROUP_DISABLED] = NULL,
};

int group_make(struct container *c, const struct create_options *o, struct err *e)
{
	const struct resources *limits = &c->spec->linux_.resources;

	if (!makers[o->manager])
		return check_unlimited(limits, e);
	int r = c->root >= 0 ? 0 : hierarchy_open(&c->root, e);
	if (r == 0)
		r = limits_check(c->root, limits, e);
	if (r == 0)
		r = makers[o->manager](c, o, e);
	if (r < 0 || c->cgroup.fd < 0 || c->manager.socket >= 0)
		return r;
	return furnish(c, o, e);
}

int group_settle(struct container *c, const struct create_options *o, struct err *e)
{
	if (c->manager.socket < 0)
		return 0;
	int r = scope_settle(c, e);
	return r < 0 ? r : furnish(c, o, e);
}

int group_discard(struct container *c, struct err *e)
{
	manager_done(&c->manager);
	/* A group that it did not get is another's, with all that lives in it. */
	if (c->cgroup.fd < 0)
		return 0;
	if (*c->unit.name)
		return scope_remove(c->root, c->cgroup_path, &c->unit, e);
	return cgroup_remove(c->root, c->cgroup_path, c->cgroup.made ? c->cgroup.made : 1, e);
}

/* --- found again ------------------------------------------------------------------------------- */

int container_cgroup(const struct record *r, struct cgroup *ret)
{
	struct err ignored;
	autofd int root = -1;

	if (!r->cgroup)
		return -ENOENT;
	int bad = hierarchy_open(&root, &ignored);
	return bad < 0 ? bad : cgroup_open(root, r->cgroup, ret, &ignored);
}

int group_open_of_init(const struct record *record, struct cgroup *ret)
{
	automatic(cgroup) struct cgroup own = CGROUP_NONE;
	autofree char *text = NULL;
	autofd int root = -1;
	size_t len, n = strlen(record->cgroup);
	struct err ignored;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)record->init.pid);
	int r = fd_read_file(AT_FDCWD, path, 1u << 20, &text, &len, &ignored);
	char *at = r < 0 ? NULL : strstr(text, "0::");
	if (!at || !mark_is_alive(&record->init))
		return -ENOENT;
	at += 3;
	at[strcspn(at, "\n")] = '\0';
	bool is_below = strncmp(at, record->cgroup, n) == 0 && at[n] == '/';
	if (!is_below && container_cgroup(record, &own) == 0)
		return -ENOENT;
	r = hierarchy_open(&root, &ignored);
	return r < 0 ? r : cgroup_open(root, at, ret, &ignored);
}

int group_open_below(
	const struct record *record, const char *below, struct cgroup *ret, struct err *e)
{
	automatic(cgroup) struct cgroup group = CGROUP_NONE;
	struct cgroup_path names;

	if (!record->cgroup)
		return err_say(e, EINVAL, "container '%s' has no cgroup", record->id);
	int r = container_cgroup(record, &group);
	if (r < 0)
		return err_say(e, ERR_NOT_RUNNING, "cgroup '%s' of container '%s' is gone",
			record->cgroup, record->id);
	if (str_equal(below, "/")) {
		*ret = group;
		group = CGROUP_NONE;
		return 0;
	}
	r = cgroup_path_parse(below, &names, e);
	if (r < 0)
		return err_while(e, "bad sub cgroup path");
	int fd = fd_open_beneath(group.fd, names.whole, O_PATH | O_DIRECTORY);
	/* Not at the end: there, engines take the words to be about the program. */
	if (fd == -ENOENT)
		return err_say(e, ENOENT,
			"cgroup '%s' of container '%s': no such file or directory '%s' in it",
			record->cgroup, record->id, below);
	if (fd < 0)
		return knob_error(e, -fd, "open the cgroup '%s' in '%s'", below, record->cgroup);
	*ret = (struct cgroup){ .fd = fd };
	return 0;
}

/* --- who lives in it --------------------------------------------------------------------------- */

/* Each that is listed. A number that was given away since is somebody else's, with another start. */
static int signal_each(int group, int signal, struct err *e)
{
	autofree pid_t *pids = NULL;
	size_t n = 0;
	int r = cgroup_processes(group, true, &pids, &n, e);

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct process_mark mark;
		autofd int pidfd = mark_take(pids[i], &mark) == 0 ? mark_open(&mark) : -1;
		if (pidfd >= 0)
			pidfd_send_signal(pidfd, signal, NULL, 0);
	}
	return r;
}

int group_signal(int group, int signal, struct err *e)
{
	struct err ignored;

	/* The kernel's own way misses nobody, but is refused in a threaded group. */
	if (signal == SIGKILL && cgroup_kill(group, &ignored) == 0)
		return 0;
	/* Frozen, nobody is born or dies between the list and the signals; these are taken when it
	 * thaws, or at once where they kill. One who waits in the kernel keeps a group from
	 * freezing: then it is done without. */
	bool freezes = cgroup_is_frozen(group) == 0 && cgroup_is_populated(group) > 0 &&
		       cgroup_freeze(group, true, SETTLE_TIMEOUT_MS, &ignored) == 0;
	int r = signal_each(group, signal, e);
	if (!freezes)
		return r;
	int thawed = cgroup_freeze(group, false, SETTLE_TIMEOUT_MS, r < 0 ? &ignored : e);
	return r < 0 || knob_is_gone(thawed) ? r : thawed;
}

/* --- removed ----------------------------------------------------------------------------------- */

/* Where the record does not tell: as config.json has it, or by the name that we give. */
static char *path_of(const struct home *h, int root, const struct record *record, const char *id,
	struct unit *ret_unit)
{
	automatic(spec) struct spec spec = { 0 };
	struct err ignored;

	scope_of_record(record, ret_unit);
	if (record->cgroup)
		return strdup(record->cgroup);
	int r = container_spec(h, id, &spec, &ignored);
	const char *given = r < 0 ? NULL : spec.linux_.cgroups_path;
	char *path = scope_find(root, given, id, ret_unit);
	return path ? path : group_path(root, given, id, rootless_is_needed());
}

/*
 * Where the record does not tell, the path is where the container was, and another one may live there
 * since: one that is alive, by its own record. The caller frees its id; NULL: none.
 */
static char *successor(const struct home *h, const char *path, const char *id)
{
	autofree char *found = NULL;
	struct err ignored;
	char **ids = NULL;
	size_t n = 0;

	if (record_list(h, &ids, &n, &ignored) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		automatic(record) struct record other = { 0 };
		if (!found && strcmp(ids[i], id) != 0 &&
			record_read(h, ids[i], &other, &ignored) == 0 &&
			str_equal(other.cgroup, path) && mark_is_alive(&other.init))
			found = take(ids[i]);
		free(ids[i]);
	}
	free(ids);
	return take(found);
}

int group_find(
	const struct home *h, const struct record *record, const char *id, struct cgroup *ret)
{
	struct unit unit = { 0 };
	autofd int root = -1;
	struct err ignored;
	int r = hierarchy_open(&root, &ignored);
	autofree char *path = r < 0 ? NULL : path_of(h, root, record, id, &unit);
	autofree char *other = path && !record->cgroup ? successor(h, path, id) : NULL;

	return r < 0 ? r : path && !other ? cgroup_open(root, path, ret, &ignored) : -ENOENT;
}

/* Waits until nobody lives in the group; false when somebody stays. */
static bool becomes_empty(int root, const char *path)
{
	automatic(cgroup) struct cgroup group = CGROUP_NONE;
	struct err ignored;
	autofd int events = -1;

	if (cgroup_open(root, path, &group, &ignored) < 0)
		return true;
	int r = watch_open(group.fd, "cgroup.events", &events, &ignored);
	if (r == 0)
		r = watch_until(events, "populated", 0, SETTLE_TIMEOUT_MS);
	return r != -ETIMEDOUT;
}

/* Who lives in the group of that path: their number; false when there is no such group. */
static bool count_of(int root, const char *path, size_t *ret)
{
	automatic(cgroup) struct cgroup group = CGROUP_NONE;
	autofree pid_t *pids = NULL;
	struct err ignored;

	*ret = 0;
	if (cgroup_open(root, path, &group, &ignored) < 0)
		return false;
	cgroup_processes(group.fd, true, &pids, ret, &ignored);
	return true;
}

/* What `delete` does for a record that does not name the group any more, told: false, there is none. */
static bool tell_found(int root, const char *path, const char *id)
{
	size_t n;

	if (!path || !count_of(root, path, &n))
		return false;
	log_warn(
		"the record of container '%s' is damaged: its cgroup '%s' is found by name, with %zu process%s, and removed",
		id, path, n, n == 1 ? "" : "es");
	return true;
}

/* It had none, or nobody knows where. One whose maker was killed before it had a process has no
 * config.json, and nothing to tell. */
static void tell_lost(const struct home *h, const struct record *record, const char *id)
{
	autofree char *config = str_format("%s/" RECORD_CONFIG, id);

	if (!record->init.pid && config && faccessat(h->fd, config, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		log_warn(
			"the record of container '%s' is damaged, and no cgroup of its name is found: processes that it may have run on",
			id);
}

void group_tell_stray(const char *id)
{
	autofd int root = -1;
	struct err ignored;
	size_t n;

	if (hierarchy_open(&root, &ignored) < 0)
		return;
	autofree char *path = group_path(root, NULL, id, rootless_is_needed());
	if (path && count_of(root, path, &n) && n)
		log_warn(
			"container '%s' does not exist in this state root, but its cgroup '%s' has %zu process%s: left alone, as another state root may know it",
			id, path, n, n == 1 ? "" : "es");
}

int group_remove(const struct home *h, const struct record *record, const char *id, bool damaged,
	struct err *e)
{
	struct unit unit = { 0 };
	autofd int root = -1;
	struct err ignored;

	/* It was to have none, or had a scope that nobody was born in. */
	if (!damaged && !record->cgroup && (record->init.pid || record->unit))
		return 0;
	if (hierarchy_open(&root, &ignored) < 0)
		return 0;
	autofree char *path = path_of(h, root, record, id, &unit);
	autofree char *other = damaged && path && !record->cgroup ? successor(h, path, id) : NULL;
	if (other) {
		log_warn(
			"the record of container '%s' is damaged: its cgroup '%s' is that of container '%s' now, and stays",
			id, path, other);
		return 0;
	}
	if (damaged && !tell_found(root, path, id))
		tell_lost(h, record, id);
	if (!path)
		return 0;
	/* Who lives in a group that was made for a fork is that fork, or who makes it for a template. */
	bool its_own = record->init.pid || (record->forked_from && record->cgroup_made);
	if (!damaged && !its_own && !becomes_empty(root, path)) {
		log_warn(
			"cgroup '%s' stays: processes live in it that container '%s' did not start",
			path, id);
		return 0;
	}
	if (*unit.name)
		return scope_remove(root, path, &unit, e);
	return cgroup_remove(root, path, record->cgroup_made ? record->cgroup_made : 1, e);
}
