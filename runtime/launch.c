/* From an image's name to a running container. */
#include "runtime/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cgroup/hierarchy.h"
#include "cgroup/rights.h"
#include "cgroup/stat.h"
#include "overlay/snapshot.h"
#include "overlay/stack.h"
#include "runtime/account.h"
#include "runtime/idmap.h"
#include "runtime/template.h"
#include "runtime/wiring.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/validate.h"

/* "docker.io/library/debian:bookworm" gives "debian-3f2a". */
static char *make_name(const char *image)
{
	const char *slash = strrchr(image, '/'), *base = slash ? slash + 1 : image;
	int n = (int)strcspn(base, ":@");
	unsigned char random[2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return NULL;
	return str_format("%.*s-%02x%02x", n > 60 ? 60 : n, base, random[0], random[1]);
}

/* A made name may be in use: another is made. */
static int reserve(
	const struct home *h, const struct launch_options *o, struct container *ret, struct err *e)
{
	if (o->name)
		return container_reserve(h, o->name, ret, e);
	for (int tries = 0;; tries++) {
		autofree char *name = make_name(o->from ? o->from->template->record.id : o->image);
		int r = name ? container_reserve(h, name, ret, e)
			     : err_set(e, ENOMEM, "make a name");
		if (r != -EEXIST || tries == 100)
			return r;
	}
}

/* Words as a shell would take them, so that one with blanks in it is seen to be one. */
static void add_word(struct str *s, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_@%+=:,./-";

	if (*word && !word[strspn(word, plain)]) {
		str_add(s, word);
		return;
	}
	str_add(s, "'");
	for (; *word; word++)
		if (*word == '\'')
			str_add(s, "'\\''");
		else
			str_add_bytes(s, word, 1);
	str_add(s, "'");
}

static int note_monitor(const struct container *c, struct err *e)
{
	struct process_mark self;
	int r = mark_take(getpid(), &self);

	if (r < 0)
		return err_set(e, -r, "look at the monitor");
	return record_add(
		c->journal, "monitor", "%d %llu", e, (int)self.pid, (unsigned long long)self.start);
}

static int note(const struct container *c, const struct launch_options *o,
	const struct image *image, const struct spec *spec, struct err *e)
{
	automatic(str) struct str command = { 0 };
	int r = record_add(c->journal, "image", "%s", e, image->record.ref);

	for (size_t i = 0; i < spec->process->n_args; i++) {
		str_add(&command, i ? " " : "");
		add_word(&command, spec->process->args[i]);
	}
	if (r == 0 && !str_ok(&command))
		r = err_set(e, ENOMEM, "record the command");
	if (r == 0)
		r = record_add(c->journal, "command", "%s", e, command.data ? command.data : "");
	if (r == 0 && o->remove_at_exit)
		r = record_add(c->journal, "remove-at-exit", "%s", e, "");
	/* A fork has its template's reaper. */
	return r < 0 || o->from ? r : note_monitor(c, e);
}

int launch_resolve_user(
	const struct home *h, const char *id, const char *text, struct user *ret, struct err *e)
{
	automatic(record) struct record record = { 0 };
	char path[64];
	int r = record_read(h, id, &record, e);

	if (r < 0)
		return r;
	/* A magic link to the root that its first process has: only this opens a container's files
	 * from outside. Below it nothing is followed out of it. */
	snprintf(path, sizeof(path), "/proc/%d/root", (int)record.init.pid);
	autofd int root =
		mark_is_alive(&record.init) ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (root < 0 || !mark_is_alive(&record.init))
		return err_say(e, ERR_NOT_RUNNING, "container '%s' is not running", id);
	return account_resolve(root, text, ret, e);
}

/* Its own in that of the parent, named as elsewhere. */
static char *group_below(const char *parent, const char *id)
{
	size_t n = strlen(parent);

	while (n && parent[n - 1] == '/')
		n--;
	return str_format("%.*s/cowrun-%s", (int)n, parent, id);
}

static int derive(const struct launch_options *o, const struct wiring *w, const struct image *image,
	const char *id, int rootfs, struct spec *ret, struct err *e)
{
	automatic(user) struct user user = { 0 };
	struct derive_options d = o->derive;
	autofree char *path = o->cgroup_parent ? group_below(o->cgroup_parent, id) : NULL;
	autofd int hierarchy = -1;
	struct rlimit files;
	struct err ignored;

	int r = account_resolve(rootfs, o->user ? o->user : image->config.config.user, &user, e);
	if (r < 0)
		return r;
	d.user = &user;
	if (o->cgroup_parent && !path) {
		err_set(e, ENOMEM, "name the cgroup");
		return -ENOMEM;
	}
	d.cgroups_path = path;
	d.resolver = w->resolver;
	if (w->joined >= 0) {
		d.network = DERIVE_NETWORK_JOINED;
		d.network_path = w->path;
	}
	if (id && !d.hostname && d.network != DERIVE_NETWORK_HOST && strlen(id) < 64)
		d.hostname = id;
	if (hierarchy_open(&hierarchy, &ignored) == 0)
		d.has_pids_controller = o->inside ? rights_limit(hierarchy, "pids")
						  : hierarchy_has(hierarchy, "pids");
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		d.nofile_hard = files.rlim_max;
	r = derive_spec(&image->config, &d, ret, e);
	return r < 0 ? r : spec_validate(ret, e);
}

int launch_derive(const struct launch_options *o, const struct image *image, const char *id,
	int rootfs, struct spec *ret, struct err *e)
{
	const struct wiring none = WIRING_NONE;

	return derive(o, &none, image, id, rootfs, ret, e);
}

int launch_open_log(const struct launched *l, struct err *e)
{
	const struct container *c = &l->container;
	autofree char *path = str_format("%s/containers/%s/log", c->store, c->id);
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)
		      : -1;

	return fd < 0 ? err_set(e, errno, "make the log of '%s'", c->id) : fd;
}

/* The same for all of a ground but for their names. */
static bool has_pattern(const struct launch_options *o, const char *id)
{
	return o->from && o->ground && !o->network && !o->network_of && !o->cgroup_parent &&
	       o->derive.network == DERIVE_NETWORK_NONE && strlen(id) <= PATTERN_NAME_MAX;
}

static int derive_pattern(
	struct launch_ground *g, const struct launch_options *o, int rootfs, struct err *e)
{
	const struct wiring none = WIRING_NONE;
	int r = pattern_begin(&g->pattern, e);

	if (r == 0)
		r = derive(o, &none, &g->image, g->pattern.name, rootfs, &g->pattern.spec, e);
	if (r == 0)
		r = pattern_write(&g->pattern, e);
	if (r < 0)
		pattern_done(&g->pattern);
	return r;
}

static int configure(struct launched *l, struct launch_ground *g, const struct launch_options *o,
	const struct wiring *w, int rootfs, struct err *e)
{
	const char *id = l->container.id;
	int r = 0;

	if (!has_pattern(o, id)) {
		r = derive(o, w, &g->image, id, rootfs, &l->spec, e);
		if (r < 0)
			return r;
		json_write(spec_fields, &l->spec, JSON_INDENTED, &l->config);
		return str_ok(&l->config) ? 0 : err_set(e, ENOMEM, "write the configuration");
	}
	if (!*g->pattern.name)
		r = derive_pattern(g, o, rootfs, e);
	if (r < 0)
		return r;
	l->patterned = pattern_fill(&g->pattern, id);
	return l->patterned ? 0 : err_set(e, ENOMEM, "write the configuration");
}

static const struct spec *spec_of(const struct launched *l)
{
	return l->patterned ? &l->patterned->spec : &l->spec;
}

static int create(struct launched *l, const struct home *h, const struct launch_options *o,
	struct stack *stack, struct err *e)
{
	automatic(str) struct str own = l->config;
	const struct str *config = l->patterned ? &l->patterned->config : &own;
	autofree char *bundle = str_format("%s/%s", h->path, l->container.id);
	struct create_options c = { .bundle = bundle,
		.rootfs = -1,
		.inside = o->inside,
		.die_together = o->derive.limits.memory.limit.set,
		.network = o->network,
		.screen = o->screen,
		.is_template = o->is_template,
		.fork_wait = o->fork_wait,
		.stock = o->ground ? &o->ground->stock : NULL };

	struct fork_source from;
	autofd int log = -1;
	l->config = (struct str){ 0 };
	if (o->from) {
		from = *o->from;
		c.from = &from;
		if (from.ward.out >= 0)
			log = from.ward.log = launch_open_log(l, e);
		if (from.ward.out >= 0 && log < 0)
			return log;
	}
	if (!bundle)
		return err_set(e, ENOMEM, "name the bundle");
	c.rootfs = take_fd(&stack->rootfs);
	return container_create(&l->container, spec_of(l), config->data, config->len, &c, e);
}

/* Before anything is made: whether its files can be made in that way at all. */
static int check_snapshotter(const struct launch_options *o, const struct store *s, struct err *e)
{
	const struct snapshotter *way = snapshotters;
	int r = o->snapshotter ? snapshotter_find(o->snapshotter, &way, e) : 0;

	return r == 0 && o->snapshotter ? snapshotter_check(way, o->snapshotter, s, e) : r;
}

/* The user namespace whose ids a container's files are mounted in; -1: they are as they are. A fork has its
 * template's. */
static int open_ids(const struct launch_options *o, struct overlay_ids *ret, struct err *e)
{
	const struct derive_options *d = &o->derive;
	const struct mount_maps maps = {
		.uids = (struct id_map *)d->uids,
		.n_uids = d->n_uids,
		.gids = (struct id_map *)d->gids,
		.n_gids = d->n_gids,
	};
	char path[32];

	*ret = (struct overlay_ids){ .user_namespace = -1 };
	if (!d->ids_of_host)
		return 0;
	ret->uid = d->uids->outside;
	ret->gid = d->gids->outside;
	if (o->from) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user",
			(int)o->from->template->record.init.pid);
		ret->user_namespace = open(path, O_RDONLY | O_CLOEXEC);
	} else {
		ret->user_namespace = idmap_make(&maps, e);
	}
	if (o->from && ret->user_namespace < 0)
		return err_set(e, errno, "open the user namespace of the template");
	if (o->from && !mark_is_alive(&o->from->template->record.init)) {
		own_close(&ret->user_namespace);
		ret->user_namespace = -1;
		return err_say(e, ERR_NOT_RUNNING, "template '%s' has ended",
			o->from->template->record.id);
	}
	return ret->user_namespace < 0 ? ret->user_namespace : 0;
}

/* The record says where the files are before there are any. */
static int make_files(struct launched *l, const struct launch_options *o, const struct store *store,
	const struct image *image, struct stack *ret, struct err *e)
{
	struct container *c = &l->container;

	/* It is found again from any directory. */
	c->store = *store->path == '/' ? strdup(store->path) : realpath(store->path, NULL);
	if (!c->store)
		return err_set(e, errno, "find store '%s'", store->path);
	int r = record_add(c->journal, "store", "%s", e, c->store);
	if (r == 0 && o->snapshotter)
		r = record_add(c->journal, "snapshotter", "%s", e, o->snapshotter);
	struct overlay_ids ids = { .user_namespace = -1 };
	if (r == 0)
		r = open_ids(o, &ids, e);
	if (r < 0)
		return r;
	autofd int user = ids.user_namespace;
	const struct overlay_ids *seen = user >= 0 ? &ids : NULL;
	return o->from ? stack_fork(store, o->from->template->record.id, c->id, false, seen, ret, e)
		       : stack_make_by(store, image, c->id, o->snapshotter, false, seen, ret, e);
}

int launch_ground_open(const struct launch_options *o, struct launch_ground *ret, struct err *e)
{
	automatic(launch_ground) struct launch_ground g = LAUNCH_GROUND_NONE;
	const struct record *template = o->from ? &o->from->template->record : NULL;
	int r = store_open(template ? template->store : o->store, STORE_READ, &g.store, e);

	if (r == -ENOENT) {
		err_say(e, ERR_NO_IMAGE,
			"no image '%s': there is no store '%s' yet (`cow import` and `cow load` make it)",
			o->image, o->store);
		return -ERR_NO_IMAGE;
	}
	if (r == 0)
		r = check_snapshotter(o, &g.store, e);
	if (r == 0)
		r = template ? stack_image(&g.store, template->id, &g.image, e)
			     : image_find(&g.store, o->image, &g.image, e);
	if (r)
		return r;
	*ret = g;
	g = (struct launch_ground)LAUNCH_GROUND_NONE;
	return 0;
}

void launch_ground_done(struct launch_ground *g)
{
	stock_done(&g->stock);
	pattern_done(&g->pattern);
	image_done(&g->image);
	store_done(&g->store);
}

static int launch_on(struct launch_ground *g, const struct home *h, const struct launch_options *o,
	struct launched *ret, struct err *e)
{
	automatic(launched) struct launched l = LAUNCHED_NONE;
	automatic(stack) struct stack stack = STACK_NONE;
	automatic(wiring) struct wiring wiring = WIRING_NONE;

	int r = reserve(h, o, &l.container, e);
	if (r == 0)
		r = make_files(&l, o, &g->store, &g->image, &stack, e);
	if (r == 0)
		r = wiring_make(h, &l.container, o, &wiring, e);
	if (r == 0)
		r = configure(&l, g, o, &wiring, stack.rootfs, e);
	if (r == 0)
		r = note(&l.container, o, &g->image, spec_of(&l), e);
	if (r == 0)
		r = create(&l, h, o, &stack, e);
	if (r < 0)
		return r;
	*ret = l;
	ret->container.spec = spec_of(ret);
	l = (struct launched)LAUNCHED_NONE;
	return 0;
}

int launch(
	const struct home *h, const struct launch_options *o, struct launched *ret, struct err *e)
{
	automatic(launch_ground) struct launch_ground own = LAUNCH_GROUND_NONE;
	int r = o->ground ? 0 : launch_ground_open(o, &own, e);

	return r ? r : launch_on(o->ground ? o->ground : &own, h, o, ret, e);
}

void launched_done(struct launched *l)
{
	container_done(&l->container);
	patterned_free(l->patterned);
	spec_done(&l->spec);
	str_done(&l->config);
}

static int record_end(
	const struct record *record, int dir, int status, char *ret_why, struct err *e)
{
	struct cgroup group = CGROUP_NONE;
	char oom[CGROUP_OOM_TEXT] = "";
	struct timespec now;
	uint64_t kills = 0;

	autofd int journal = record_open_journal(dir, e);
	if (journal < 0)
		return journal;
	/* A process in it may have been killed for want of memory, and the first one have gone on.
	 */
	if (status == 128 + SIGKILL && container_cgroup(record, &group) == 0 &&
		cgroup_oom_kills(group.fd, &kills) == 0 && kills)
		cgroup_oom_text(group.fd, oom);
	cgroup_done(&group);
	int r = *oom ? record_add(journal, "oom", "%s", e, oom) : 0;
	if (ret_why)
		snprintf(ret_why, 160, "%s", oom);
	clock_gettime(CLOCK_REALTIME, &now);
	if (r == 0)
		r = record_add(journal, "exit", "%d %lld.%09ld", e, status, (long long)now.tv_sec,
			now.tv_nsec);
	return r;
}

/* Whoever has removed it may have given its name to another one. */
static bool is_told(const struct record *record, pid_t pid)
{
	return pid && (record->init.pid != pid || (record->ended && !record->remove_at_exit));
}

int launch_ended(const struct home *h, const char *id, pid_t pid, int status, char ret_why[160],
	struct err *e)
{
	automatic(record) struct record record = { 0 };
	autofd int dir = -1;
	int r = record_lock(h, id, &dir, e);

	if (r == 0)
		r = record_read(h, id, &record, e);
	if (r == -ERR_NO_CONTAINER || (r == 0 && is_told(&record, pid)))
		return 0;
	/* At the latest now its ports are free again. */
	if (r == 0)
		r = network_end(&record.network_keeper, e);
	if (r == 0)
		r = record_end(&record, dir, status, ret_why, e);
	return r == 0 && record.remove_at_exit ? container_delete_locked(h, &record, e) : r;
}
