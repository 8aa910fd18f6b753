/* A container made, and taken back. */
#include "runtime/container.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "cgroup/stat.h"
#include "runtime/creator.h"
#include "runtime/foreign.h"
#include "runtime/fork.h"
#include "runtime/group.h"
#include "runtime/handover.h"
#include "runtime/hooks.h"
#include "runtime/net_devices.h"
#include "runtime/notify.h"
#include "runtime/plan.h"
#include "runtime/procfs.h"
#include "runtime/rdt.h"
#include "runtime/restore.h"
#include "runtime/schedule.h"
#include "runtime/standin.h"
#include "runtime/status.h"
#include "runtime/stock.h"
#include "runtime/template.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"

/* That the id is in use, and as what. */
static int say_in_use(const struct home *h, const char *id, struct err *e)
{
	automatic(record) struct record record = { 0 };
	char text[STATUS_WORDS_MAX];
	struct err ignored;
	int r = record_read(h, id, &record, &ignored);
	const char *what = "it was there a moment ago";

	if (r == 0)
		what = status_words(h, &record, false, text);
	else if (r == -ERR_DAMAGED) /* or not written yet */
		what = record_is_locked(h, id) ? "it is being made"
					       : "its record is damaged (hint: delete --force)";
	return err_say(e, EEXIST, "container '%s' already exists: %s", id, what);
}

int container_reserve(const struct home *h, const char *id, struct container *ret, struct err *e)
{
	struct container c = CONTAINER_NONE;
	int r = record_make(h, id, &c.dir, &c.journal, e);

	if (r < 0)
		return r == -EEXIST ? say_in_use(h, id, e) : r;
	c.home = h;
	c.id = strdup(id);
	*ret = c;
	return c.id ? 0 : err_set(e, ENOMEM, "reserve '%s'", id);
}

static int write_config(const struct container *c, struct err *e)
{
	autofd int fd =
		openat(c->dir, RECORD_CONFIG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : fd_write_all(fd, c->config, c->config_len);

	return r < 0 ? err_set(e, -r, "keep a copy of config.json") : 0;
}

static int run_hooks(const struct container *c, const char *kind, const struct hook *hooks,
	size_t n, enum state_status status, pid_t pid, struct err *e)
{
	automatic(str) struct str state = { 0 };

	if (!n)
		return 0;
	state_text(c->spec, c->id, c->bundle, status, pid, &state);
	if (!str_ok(&state))
		return err_set(e, ENOMEM, "write the state for hooks");
	return hooks_run(kind, hooks, n, state.data, c->bundle, e);
}

/* Whom an engine waits for. */
static int tell_process(const struct create_options *o, pid_t pid, int pidfd, struct err *e)
{
	char text[24];
	int r = handover_pidfd(o->pidfd_socket, pidfd, e);

	if (r < 0 || !o->pid_file)
		return r;
	snprintf(text, sizeof(text), "%d", (int)pid);
	r = fd_replace_file(AT_FDCWD, o->pid_file, text, strlen(text), 0644, e);
	return r < 0 ? err_while(e, "pid file") : 0;
}

/* The first process is known: from here on the record can find it. */
static int record_init(struct container *c, const struct create_options *o, struct err *e)
{
	struct process_mark mark;
	int r = mark_take(c->birth.pid, &mark);

	/* A fork's number is its reaper's to give back: what it named when we looked must be it. */
	if (c->birth.foreign && birth_has_ended(&c->birth))
		return birth_last_words(&c->birth, c->cgroup.fd, e);
	if (r == -ESRCH) /* it died already: what it said, or its end, tells why */
		return 0;
	if (r < 0)
		return err_set(e, -r, "look at process %d", (int)c->birth.pid);
	r = record_add(
		c->journal, "init", "%d %llu", e, (int)mark.pid, (unsigned long long)mark.start);
	return r < 0 || (o->from && o->from->stands_in)
		       ? r
		       : tell_process(o, c->birth.pid, c->birth.pidfd, e);
}

/* What we, or who comes after us, wait for. When the fork has its namespaces, which it joins. */
static int stand_in(struct container *c, const struct create_options *o, struct err *e)
{
	pid_t pid = standin_begin(c->fork_status, c->birth.pidfd, e);

	if (pid < 0)
		return pid;
	c->standin = pidfd_open(pid, 0);
	return c->standin < 0 ? err_set(e, errno, "open process %d", (int)pid)
			      : tell_process(o, pid, c->standin, e);
}

/* Found again, and scheduled, before anything of the container runs. */
static int settle(struct container *c, const struct create_options *o, struct err *e)
{
	const struct process_spec *p = c->spec->process;
	struct schedule s = { .scheduler = p->scheduler,
		.priority = p->io_priority,
		.cpuset = c->spec->linux_.resources.cpu.cpus };
	int r = record_init(c, o, e);

	if (r == 0 && o->from)
		r = fork_hand(c, o->from, e);
	if (r == 0)
		r = rdt_join(&c->rdt, c->birth.pid, e);
	if (r == 0)
		r = schedule_process(c->birth.pid, &s, e);
	return r < 0 || !o->from ? r : creator_schedule(c->birth.pid, p, e);
}

static int start_network(struct container *c, const struct network *n, struct err *e)
{
	const struct network_target target = {
		.pid = c->birth.pid, .pidfd = c->birth.pidfd, .dir = c->dir, .journal = c->journal
	};

	return network_start(n, &target, &c->network_keeper, e);
}

/* What is done out here when the container's namespaces are there: hooks see its devices. */
static int runtime_hooks(struct container *c, const struct create_options *o, struct err *e)
{
	const struct hooks *h = &c->spec->hooks;
	pid_t pid = c->birth.pid;
	int r = net_devices_move(&c->spec->linux_, pid, e);

	if (r == 0 && o->network)
		r = start_network(c, o->network, e);
	if (r == 0)
		r = run_hooks(c, "prestart", h->prestart, h->n_prestart, STATE_CREATED, pid, e);
	return r < 0 ? r
		     : run_hooks(c, "createRuntime", h->create_runtime, h->n_create_runtime,
			       STATE_CREATED, pid, e);
}

/*
 * The handshake of runtime/init/channel.h, to its end. `synced`: the child tells MOUNTED and waits;
 * its last GO follows the one for that. `told`: that went already.
 */
static int accompany(
	struct container *c, const struct create_options *o, bool synced, bool told, struct err *e)
{
	enum channel_type said = 0;
	bool mounted = false;
	int r = 0;

	while (r == 0 && !(told && c->birth.unheard && !c->birth.awaits_terminal)) {
		int goes = 0;
		r = birth_next(&c->birth, &said, e);
		if (r < 0)
			return r;
		if (said == CHANNEL_READY)
			return 0;
		if (said == CHANNEL_NEED_MAPS) {
			r = procfs_write_maps(c->birth.pid, &c->spec->linux_, e);
			goes = 1;
		} else if (said == CHANNEL_FORKED || said == CHANNEL_MOUNTED) {
			if (said == CHANNEL_FORKED)
				r = settle(c, o, e);
			if (r == 0 && said == CHANNEL_FORKED && c->unsent)
				r = fork_move(c, e);
			/* Two processes: the successor may be heard before the one that forked it. */
			mounted |= said == CHANNEL_MOUNTED;
			if (c->birth.forks)
				continue;
			if (r == 0 && mounted)
				r = runtime_hooks(c, o, e);
			goes = mounted ? 2 : !synced;
			told = goes;
		} else if (said == CHANNEL_LISTENER) {
			r = notify_agent(&c->birth, c->spec, c->id, c->bundle, STATE_CREATING,
				c->birth.pid, e);
		} else if (
			said !=
			CHANNEL_TERMINAL) /* its end, or, once it was told to go on, an execve() */
			return o->waits || !told ? birth_died(&c->birth, c->cgroup.fd, e) : 0;
		/* In the container, and as long as they take. */
		if (told && !o->waits && c->spec->hooks.n_start_container)
			foreign_release(&c->birth);
		for (; r == 0 && goes; goes--)
			r = birth_go(&c->birth, e);
	}
	return r;
}

static int describe(struct container *c, const struct create_options *o, struct err *e)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	int r = record_add(c->journal, "bundle", "%s", e, c->bundle);
	if (r == 0)
		r = record_add(
			c->journal, "created", "%lld.%09ld", e, (long long)now.tv_sec, now.tv_nsec);
	if (r == 0 && o->waits)
		r = record_add(c->journal, "waits", "%s", e, "");
	if (r == 0 && o->is_template)
		r = record_add(c->journal, "template", "%s", e, "");
	if (r == 0 && o->fork_wait)
		r = record_add(c->journal, "fork-wait", "%u", e, o->fork_wait);
	if (r == 0 && o->from)
		r = record_add(c->journal, "forked-from", "%s", e, o->from->template->record.id);
	if (r == 0 && o->no_keyring)
		r = record_add(c->journal, "no-keyring", "%s", e, "");
	const struct namespace_spec *pids = spec_namespace(c->spec, CLONE_NEWPID);
	if (r == 0 && (!pids || namespace_is_joined(pids)))
		r = record_add(c->journal, "shares-pids", "%s", e, "");
	if (r == 0 && !c->spec->hooks.n_poststop)
		r = record_add(c->journal, "no-poststop", "%s", e, "");
	return r;
}

static int plan(const struct container *c, const struct create_options *o,
	const struct filter *filter, struct draft *d, struct err *e)
{
	autofd int bundle = open(c->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct plan_inputs in = { .id = c->id,
		.bundle = c->bundle,
		.bundle_fd = bundle,
		.rootfs = o->rootfs,
		.cgroup = c->cgroup.fd,
		.start_socket = -1,
		.listener = -1,
		.stdio = o->from ? o->from->stdio : NULL,
		.template = o->from ? o->from->template->record.init.pid : 0,
		.n_preserve = o->n_preserve,
		/* A fork without one would have its template's. */
		.keyring = !o->no_keyring || o->from,
		.inside = o->inside || stock_is_inner(o->stock),
		.screen = o->screen,
		.network = o->network,
		.filter = filter,
		.stock = o->stock };

	if (bundle < 0)
		return err_set(e, errno, "open the bundle '%s'", c->bundle);
	if (o->waits) {
		in.start_socket = handover_listen(c->dir, RECORD_SOCKET, SOCK_STREAM, e);
		if (in.start_socket < 0)
			return in.start_socket;
	}
	if (o->is_template) {
		in.listener = handover_listen(c->dir, TEMPLATE_SOCKET, SOCK_SEQPACKET, e);
		if (in.listener < 0)
			return in.listener;
	}
	return plan_create(c->spec, &in, d, e);
}

/* A first process that has failed takes its scope along: what it said, and not that, is the cause. */
static int settle_group(struct container *c, const struct create_options *o, struct err *e)
{
	int r = group_settle(c, o, e);
	int said = r < 0 ? birth_last_words(&c->birth, c->cgroup.fd, e) : 0;

	return said < 0 ? said : r;
}

static int begin_birth(struct container *c, const struct create_options *o, struct err *e)
{
	const struct plan_namespaces n = plan_namespaces(c->spec, o->from);

	if (o->from)
		return fork_begin(c, o, e);
	return birth_begin(n.by_clone, n.by_child, c->cgroup.fd, NULL, &c->birth, e);
}

static int bear(struct container *c, const struct create_options *o, const struct filter *filter,
	struct err *e)
{
	automatic(draft) struct draft d;
	autofd int console = -1;
	int r = 0;

	draft_begin(&d);
	if (o->console_socket)
		r = console = handover_connect(o->console_socket, "--console-socket", e);
	/* It is forked, and makes its namespaces, while we draw up what it does in them. */
	if (r >= 0)
		r = begin_birth(c, o, e);
	if (r == 0 && !o->from)
		r = describe(c, o, e);
	if (r == 0)
		r = plan(c, o, filter, &d, e);
	/* It hears of it in its group. */
	const bool late = fork_is_moved(c, o);
	c->unsent = late ? &d : NULL;
	if (r == 0 && !late)
		r = birth_send(&c->birth, &d, e);
	if (r == 0)
		r = settle_group(c, o, e);
	/* For whoever finds the container later: written while the child is at work, which does not
	 * start the program before it hears from us. */
	if (r == 0)
		r = write_config(c, e);
	if (r < 0)
		return r;
	c->birth.console = take_fd(&console);
	bool forks = c->birth.forks, synced = d.plan.flags & PLAN_SYNC_MOUNTED;
	/* Who waits for the end need not be woken for the beginning as well. */
	c->birth.unheard = o->attached && !o->from && !c->spec->hooks.n_poststart &&
			   !(filter->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER);
	/* A child that forks is not yet the one to record: it will tell who is. */
	if (!forks)
		r = settle(c, o, e);
	bool told = !forks && !synced;
	if (r == 0 && told)
		r = birth_go(&c->birth, e);
	if (r == 0)
		r = accompany(c, o, synced, told, e);
	return r < 0 || !o->from || !o->from->stands_in ? r : stand_in(c, o, e);
}

/* The same by CRIU: what it was is in the images, where it lives is made here. */
static int revive(struct container *c, const struct create_options *o, struct err *e)
{
	int r = write_config(c, e);

	if (r == 0)
		r = restore_process(c, o->restore, &c->birth, e);
	/* A scope lives by whoever is in it: not before. */
	if (r == 0)
		r = group_settle(c, o, e);
	return r < 0 ? r : settle(c, o, e);
}

int container_create(struct container *c, const struct spec *spec, const char *config, size_t len,
	const struct create_options *o, struct err *e)
{
	automatic(filter) struct filter own = { 0 };
	const struct filter *filter = &own;

	c->spec = spec;
	c->config = config;
	c->config_len = len;
	int r = o->restore
			? 0
			: stock_filter(o->stock, c->home, &spec->linux_.seccomp, &own, &filter, e);
	/* Whatever fails from here on is followed by the poststop hooks. */
	if (r == 0 && !(c->bundle = realpath(o->bundle, NULL)))
		r = err_set(e, errno, "open the bundle '%s'", o->bundle);
	/* What names nothing that is made can wait until there is time (bear()). */
	if (r == 0 && (o->from || o->restore))
		r = describe(c, o, e);
	if (r == 0 && o->stock)
		r = stock_hierarchy(o->stock, &c->root, e);
	if (r == 0)
		r = group_make(c, o, e);
	if (r == 0)
		r = rdt_make(spec->linux_.rdt, c->id, c->journal, &c->rdt, e);
	if (r == 0)
		r = o->restore ? revive(c, o, e) : bear(c, o, filter, e);
	if (r == 0 && !o->waits)
		r = run_hooks(c, "poststart", spec->hooks.poststart, spec->hooks.n_poststart,
			STATE_RUNNING, c->birth.pid, e);
	if (r < 0) {
		if (o->from)
			fork_give_up(c, o->from->template, r);
		if (o->pid_file && c->birth.pid)
			unlink(o->pid_file);
		return r;
	}
	c->birth.over = c->complete = !c->birth.unheard;
	/* Whoever waits for its end must not keep others from signalling, freezing, deleting it. */
	record_unlock(c->dir);
	return 0;
}

static void forget(struct container *c)
{
	birth_done(&c->birth);
	manager_done(&c->manager);
	cgroup_done(&c->cgroup);
	rdt_done(&c->rdt);
	own_close(&c->dir);
	own_close(&c->journal);
	own_close(&c->root);
	own_close(&c->standin);
	own_close(&c->fork_status);
	free(c->id);
	free(c->cgroup_path);
	free(c->bundle);
	free(c->store);
	*c = (struct container)CONTAINER_NONE;
}

int container_clear(struct container *c, struct err *e)
{
	const struct hooks *h = c->spec ? &c->spec->hooks : NULL;
	bool removed = false;

	birth_done(&c->birth);
	/* Removing takes a file descriptor, and this may have failed for want of them. */
	own_close(&c->journal);
	c->journal = -1;
	int r = network_end(&c->network_keeper, e);
	if (r == 0)
		r = record_relock(c->dir, c->id, &removed, e);
	if (r < 0 || removed)
		return r;
	r = group_discard(c, e);
	if (r == 0 && c->rdt.made)
		r = rdt_remove(c->rdt.made, e);
	if (h && h->n_poststop && c->bundle) {
		automatic(str) struct str state = { 0 };
		state_text(c->spec, c->id, c->bundle, STATE_STOPPED, 0, &state);
		if (str_ok(&state))
			hooks_run_last(h, state.data, c->bundle);
	}
	if (r == 0 && c->store)
		r = container_remove_files(c->store, c->id, e);
	if (r == 0)
		r = record_remove(c->home, c->id, e);
	return r;
}

void container_done(struct container *c)
{
	struct err e;

	if (c->dir >= 0 && !c->complete && container_clear(c, &e) < 0)
		log_warn("container '%s' is not wholly removed: %s (hint: delete --force)", c->id,
			e.text);
	forget(c);
}
