/* From documents to a plan: namespaces, knobs, identity, program, hooks. */
#include "runtime/plan.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/utsname.h>

#include "runtime/account.h"
#include "runtime/caps.h"
#include "runtime/creator.h"
#include "runtime/environment.h"
#include "runtime/joins.h"
#include "runtime/labels.h"
#include "runtime/stock.h"
#include "spec/number_list.h"
#include "spec/state.h"

/*
 * A pid namespace begins with a fork, so clone3() makes it; all others the child makes for itself,
 * while we draw up the plan (a network namespace is a fifth of a start). With a user namespace, a
 * joined pid namespace or a new time namespace it forks once more, as the plan says: what is made
 * must belong to the first, and the others begin there.
 */
struct plan_namespaces plan_namespaces(const struct spec *spec, bool is_fork)
{
	const struct linux_spec *l = &spec->linux_;
	uint64_t fresh = 0, joined = 0;

	for (size_t i = 0; i < l->n_namespaces; i++) {
		const struct namespace_spec *ns = &l->namespaces[i];
		*(namespace_is_joined(ns) ? &joined : &fresh) |= (uint64_t)ns->type;
	}
	if (is_fork)
		fresh &= ~(uint64_t)CLONE_NEWUSER;
	if ((fresh | joined) & CLONE_NEWUSER || joined & CLONE_NEWPID || fresh & CLONE_NEWTIME)
		return (struct plan_namespaces){ .forks = true, .behind = fresh };
	return (struct plan_namespaces){
		.by_clone = fresh & CLONE_NEWPID,
		.by_child = fresh & ~(uint64_t)CLONE_NEWPID,
	};
}

static int plan_membership(const struct spec *spec, pid_t template, struct draft *d, struct err *e)
{
	const struct plan_namespaces n = plan_namespaces(spec, template);
	const uint64_t fresh = n.by_child | n.behind;
	int r = plan_joins(spec, template, d, e);

	if (r < 0)
		return r;
	if (fresh & CLONE_NEWNET)
		d->plan.flags |= PLAN_LOOPBACK;
	if (fresh & CLONE_NEWTIME)
		d->plan.flags |= PLAN_TIMENS;
	if (!n.forks)
		return 0;
	d->plan.flags |= PLAN_FORK;
	if (fresh & CLONE_NEWUSER)
		d->plan.flags |= PLAN_USERNS;
	if (fresh & CLONE_NEWCGROUP)
		d->plan.flags |= PLAN_CGROUPNS;
	d->plan.unshare =
		(uint32_t)(fresh & ~(uint64_t)(CLONE_NEWUSER | CLONE_NEWCGROUP | CLONE_NEWTIME));
	return 0;
}

/* As proc_timens_offsets is written (time_namespaces(7)): a line for each clock. */
static void plan_clocks(const struct linux_spec *l, struct draft *d)
{
	automatic(str) struct str text = { 0 };

	for (size_t i = 0; i < l->n_time_offsets; i++)
		str_addf(&text, "%s %lld %u\n", l->time_offsets[i].clock,
			(long long)l->time_offsets[i].secs.value, l->time_offsets[i].nanosecs);
	d->block.failed |= text.failed;
	d->plan.time_offsets = draft_text(d, text.data);
}

/* What the program is born into, and exec's programs as well. */
static void plan_execution(const struct linux_spec *l, struct draft *d)
{
	const struct memory_policy_spec *m = l->memory_policy;
	struct number_list nodes = { 0 };

	if (l->personality)
		d->plan.flags |=
			l->personality->domain == PERSONALITY_LINUX32 ? PLAN_LINUX32 : PLAN_LINUX;
	if (!m)
		return;
	if (m->nodes && *m->nodes)
		number_list_read(m->nodes, &nodes);
	struct plan_memory_policy row = { .mode = memory_policy_mode(m),
		.n_nodes = (nodes.end + 63) / 64 * 64,
		.name = draft_text(d, m->mode),
		.list = draft_text(d, m->nodes ? m->nodes : "") };
	row.nodes = draft_list(d, nodes.bits, row.n_nodes / 8);
	d->plan.memory_policy = draft_list(d, &row, sizeof(row));
}

static int plan_knobs(const struct spec *spec, struct draft *d, struct err *e)
{
	const struct linux_spec *l = &spec->linux_;
	autofree struct plan_pair *pairs = calloc(l->n_sysctl + 1, sizeof(*pairs));

	if (!pairs)
		return err_set(e, ENOMEM, "draw up the sysctls");
	for (size_t i = 0; i < l->n_sysctl; i++) {
		autofree char *key = strdup(l->sysctl[i].key);
		/* net.ipv4.x and net/ipv4/x are one name; with a '/' in it, dots are part of words
		 * (sysctl.d(5): interface names have them). */
		if (key && !strchr(key, '/'))
			for (char *c = key; *c; c++)
				if (*c == '.')
					*c = '/';
		pairs[i] =
			(struct plan_pair){ draft_text(d, key), draft_text(d, l->sysctl[i].value) };
	}
	d->plan.n_sysctl = (uint32_t)l->n_sysctl;
	d->plan.sysctl = draft_list(d, pairs, l->n_sysctl * sizeof(*pairs));
	d->plan.hostname = draft_text(d, spec->hostname);
	d->plan.domainname = draft_text(d, spec->domainname);
	plan_clocks(l, d);
	plan_execution(l, d);
	return 0;
}

static int plan_limits(
	const struct process_spec *p, struct stock *stock, struct draft *d, struct err *e)
{
	autofree struct plan_rlimit *limits = calloc(p->n_rlimits + 1, sizeof(*limits));
	char score[24];

	if (!limits)
		return err_set(e, ENOMEM, "draw up the rlimits");
	for (size_t i = 0; i < p->n_rlimits; i++)
		limits[i] = (struct plan_rlimit){ .resource = (uint32_t)p->rlimits[i].type - 1,
			.name = draft_text(d, enum_name_of(rlimit_names, p->rlimits[i].type)),
			.soft = p->rlimits[i].soft,
			.hard = p->rlimits[i].hard };
	d->plan.n_rlimits = (uint32_t)p->n_rlimits;
	d->plan.rlimits = draft_list(d, limits, p->n_rlimits * sizeof(*limits));
	if (p->oom_score_adj.set) {
		snprintf(score, sizeof(score), "%lld", (long long)p->oom_score_adj.value);
		d->plan.oom_score_adj = draft_text(d, score);
	}
	if (d->plan.proc >= 0 || (!p->oom_score_adj.set && !d->plan.n_sysctl &&
					 !d->plan.time_offsets && !d->plan.n_labels))
		return 0;
	int proc = stock_procfs(stock, e);
	if (proc < 0)
		return proc;
	d->plan.proc = draft_fd(d, proc);
	return 0;
}

static void plan_identity(const struct process_spec *p, bool in_user_namespace, struct draft *d)
{
	struct cap_words caps =
		caps_from_spec(p->capabilities, in_user_namespace ? ~0ull : caps_held());
	struct init_plan *plan = &d->plan;

	plan->uid = p->user.uid;
	plan->gid = p->user.gid;
	plan->umask = p->user.umask.set ? (uint32_t)p->user.umask.value : 0022;
	plan->n_gids = (uint32_t)p->user.n_gids;
	plan->gids = draft_list(d, p->user.gids, p->user.n_gids * sizeof(uint32_t));
	plan->caps_bounding = caps.bounding;
	plan->caps_effective = caps.effective;
	plan->caps_permitted = caps.permitted;
	plan->caps_inheritable = caps.inheritable;
	plan->caps_ambient = caps.ambient;
	plan->flags |= PLAN_SET_CAPS | (p->no_new_privileges ? PLAN_NO_NEW_PRIVS : 0u);
}

/*
 * A template makes the namespaces and mounts of its forks, and takes on what they are to have: it is kept by
 * the namespaces it is in, and by nothing else.
 */
static void plan_template(int listener, struct draft *d)
{
	const uint64_t held = caps_held();
	int32_t slot = draft_fd(d, listener);

	d->plan.caps_bounding = d->plan.caps_effective = d->plan.caps_permitted = held;
	d->plan.uid = d->plan.gid = d->plan.n_gids = 0;
	d->plan.n_preserve = 1;
	d->plan.preserve = draft_list(d, &slot, sizeof(slot));
}

/* A new UTS namespace has the names of the one before, which is its template's. */
static void plan_names(const struct spec *spec, struct draft *d)
{
	const struct namespace_spec *ns = spec_namespace(spec, CLONE_NEWUTS);
	struct utsname ours;

	if (!ns || namespace_is_joined(ns) || uname(&ours) < 0)
		return;
	if (!spec->hostname)
		d->plan.hostname = draft_text(d, ours.nodename);
	if (!spec->domainname)
		d->plan.domainname = draft_text(d, ours.domainname);
}

/* What execve() would make of them (capabilities(7)), where there is none. */
static void caps_of_program(struct init_plan *plan)
{
	uint64_t all =
		plan->uid == 0 ? plan->caps_inheritable | plan->caps_bounding : plan->caps_ambient;

	if (plan->flags & PLAN_NO_NEW_PRIVS)
		all &= plan->caps_permitted | plan->caps_ambient;
	plan->caps_permitted = plan->caps_effective = all;
}

/* A fork executes nothing, so it inherits nothing of ours: what it gets, it is handed. */
static void plan_return(const int *stdio, struct draft *d)
{
	d->plan.flags |= PLAN_RETURNS;
	caps_of_program(&d->plan);
	creator_plan(d);
	for (int fd = 0; fd < 3; fd++)
		d->plan.stdio[fd] = draft_fd(d, fcntl(stdio[fd], F_DUPFD_CLOEXEC, 3));
}

static void plan_filter(const struct filter *f, struct draft *d)
{
	if (!f->n)
		return;
	d->plan.n_filter = f->n;
	d->plan.filter_flags = f->flags;
	d->plan.filter = draft_list(d, f->code, f->n * sizeof(*f->code));
}

/* `first`: the container's own process, for one of exec. */
static int plan_labels(const struct process_spec *p, const struct process_spec *first,
	struct draft *d, struct err *e)
{
	automatic(str) struct str modules = { 0 };

	if (!labels_asked(p, first))
		return 0;
	labels_modules(&modules);
	return labels_plan(p, first, modules.data ? modules.data : "", d, e);
}

static int plan_program(const struct process_spec *p, const struct environment *env, int n_preserve,
	struct draft *d, struct err *e)
{
	autofree int32_t *slots = calloc((size_t)n_preserve + 1, sizeof(*slots));

	if (!slots)
		return err_set(e, ENOMEM, "draw up the program");
	d->plan.cwd = draft_text(d, p->cwd ? p->cwd : "/");
	d->plan.argv = draft_strings(d, p->args, p->n_args);
	d->plan.envp = draft_strings(d, env->v, env->n);
	d->plan.path = draft_text(d, environment_get(env, "PATH"));
	for (int i = 0; i < n_preserve; i++) {
		/* What came through our execve() has no FD_CLOEXEC; what we opened has, and took
		 * the number because the caller left it free. */
		int flags = fcntl(3 + i, F_GETFD);
		if (flags >= 0 && flags & FD_CLOEXEC)
			return err_set(
				e, EBADF, "hand on file descriptor %d (--preserve-fds)", 3 + i);
		int fd = fcntl(3 + i, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return err_set(
				e, errno, "hand on file descriptor %d (--preserve-fds)", 3 + i);
		slots[i] = draft_fd(d, fd);
	}
	d->plan.n_preserve = (uint32_t)n_preserve;
	d->plan.preserve = draft_list(d, slots, (size_t)n_preserve * sizeof(*slots));
	return 0;
}

/* Our terminal's size, where we have one: there it is shown. */
static void plan_terminal(const struct process_spec *p, const struct screen *s, struct draft *d)
{
	if (!p->terminal)
		return;
	bool sized = s && s->rows && s->columns;
	d->plan.rows = sized ? s->rows : (uint16_t)p->console_size.height;
	d->plan.columns = sized ? s->columns : (uint16_t)p->console_size.width;
	d->plan.flags |= PLAN_TERMINAL;
	if (d->plan.flags & PLAN_ROOTFS)
		d->plan.flags |= PLAN_CONSOLE;
	if (s && !s->raw)
		d->plan.flags |= PLAN_PLAIN_LINES;
}

static place plan_hooks(
	const struct hook *hooks, size_t n, char *const *env, size_t n_env, struct draft *d)
{
	autofree struct plan_hook *rows = calloc(n + 1, sizeof(*rows));

	if (!rows) {
		d->block.failed = true;
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		const struct hook *h = &hooks[i];
		char *own_path[] = { h->path, NULL };
		rows[i].path = draft_text(d, h->path);
		rows[i].argv = h->n_args ? draft_strings(d, h->args, h->n_args)
					 : draft_strings(d, own_path, 1);
		rows[i].envp =
			h->env ? draft_strings(d, h->env, h->n_env) : draft_strings(d, env, n_env);
		rows[i].timeout_ms = h->timeout.set ? (int32_t)(h->timeout.value * 1000) : -1;
	}
	return draft_list(d, rows, n * sizeof(*rows));
}

/* Hooks of the child's side see the container's view: their pid is that of its init there. */
static void plan_hook_state(const struct spec *spec, const struct plan_inputs *in,
	enum state_status status, place *into, struct draft *d)
{
	automatic(str) struct str text = { 0 };
	/* Borrowed throughout: written, never freed. */
	struct state_doc doc = { .version = (char *)SPEC_VERSION,
		.id = (char *)in->id,
		.status = (int)status,
		.bundle = (char *)in->bundle,
		.annotations = spec->annotations,
		.n_annotations = spec->n_annotations };

	state_write_head(&doc, &text);
	d->block.failed |= !str_ok(&text);
	*into = draft_text(d, text.data);
}

/* Hooks go by the bundle's path: what they do to the root there, they do to the container's. */
static void plan_root_place(const struct spec *spec, const struct plan_inputs *in, struct draft *d)
{
	const struct hooks *h = &spec->hooks;
	const char *path = spec->root->path;

	/* A fork is not among the host's files, where that path leads. */
	if (in->rootfs >= 0 || in->stdio ||
		!(h->n_prestart || h->n_create_runtime || h->n_create_container))
		return;
	autofree char *below = *path == '/' ? NULL : str_format("%s/%s", in->bundle, path);
	d->block.failed |= *path != '/' && !below;
	d->plan.root_place = draft_text(d, below ? below : path);
}

static void plan_child_hooks(const struct spec *spec, const struct plan_inputs *in,
	const struct environment *env, struct draft *d)
{
	const struct hooks *h = &spec->hooks;

	if (!h->n_create_container && !h->n_start_container)
		return;
	d->plan.n_create_hooks = (uint32_t)h->n_create_container;
	d->plan.create_hooks = plan_hooks(h->create_container, h->n_create_container, NULL, 0, d);
	d->plan.n_start_hooks = (uint32_t)h->n_start_container;
	d->plan.start_hooks =
		plan_hooks(h->start_container, h->n_start_container, env->v, env->n, d);
	d->plan.bundle = draft_text(d, in->bundle);
	plan_hook_state(spec, in, STATE_CREATING, &d->plan.state_creating, d);
	plan_hook_state(spec, in, STATE_CREATED, &d->plan.state_created, d);
	d->plan.state_tail = draft_text(d, "}");
}

int plan_create(
	const struct spec *spec, const struct plan_inputs *in, struct draft *d, struct err *e)
{
	const struct process_spec *p = spec->process;
	const struct hooks *h = &spec->hooks;
	automatic(environment) struct environment env = { 0 };
	int r = plan_membership(spec, in->template, d, e);

	if (r == 0)
		r = plan_files(spec, in, d, e);
	if (r == 0)
		r = plan_knobs(spec, d, e);
	if (r == 0)
		r = plan_labels(p, NULL, d, e);
	if (r == 0)
		r = plan_limits(p, in->stock, d, e);
	if (r == 0)
		r = environment_make(p, d->plan.rootfs < 0 ? -1 : d->fds[d->plan.rootfs], &env, e);
	if (r == 0)
		r = plan_program(p, &env, in->n_preserve, d, e);
	if (r < 0)
		return r;
	plan_identity(p, spec_namespace(spec, CLONE_NEWUSER), d);
	if (in->listener >= 0)
		plan_template(in->listener, d);
	if (in->stdio)
		plan_return(in->stdio, d);
	if (in->template)
		plan_names(spec, d);
	plan_filter(in->filter, d);
	plan_root_place(spec, in, d);
	plan_child_hooks(spec, in, &env, d);
	plan_terminal(p, in->screen, d);
	d->plan.flags |= PLAN_SETSID | (in->inside ? (uint32_t)PLAN_KEEP_GROUPS : 0);
	/* "/" is there. */
	if (p->cwd && p->cwd[strspn(p->cwd, "/")])
		d->plan.flags |= PLAN_MAKE_CWD;
	if (h->n_prestart || h->n_create_runtime || spec->linux_.n_net_devices || in->network)
		d->plan.flags |= PLAN_SYNC_MOUNTED;
	if (in->keyring)
		d->plan.flags |= PLAN_KEYRING;
	if (in->start_socket >= 0) {
		d->plan.start_socket = draft_fd(d, in->start_socket);
		d->plan.flags |= PLAN_SYNC_READY | PLAN_CHECK_LOADER;
	}
	return draft_finish(d, e);
}

int plan_exec(const struct exec_inputs *in, struct draft *d, struct err *e)
{
	const struct linux_spec *l = &in->spec->linux_;
	uint32_t flags = 0;

	/* All at once by the init's pidfd (5.8), which cannot mean another process. */
	for (size_t i = 0; i < l->n_namespaces; i++)
		flags |= (uint32_t)l->namespaces[i].type;
	struct plan_join join = { draft_fd(d, in->pidfd), flags };
	if (!spec_has_own_mounts(in->spec)) {
		d->plan.rootfs = draft_fd(d, fcntl(in->root, F_DUPFD_CLOEXEC, 3));
		d->plan.flags |= PLAN_CHROOT;
	}
	d->plan.n_joins = flags ? 1 : 0;
	d->plan.joins = draft_list(d, &join, sizeof(join));
	d->plan.flags |= PLAN_SETSID | PLAN_FORK | (in->inside ? (uint32_t)PLAN_KEEP_GROUPS : 0);
	automatic(environment) struct environment env = { 0 };
	int r = plan_labels(in->process, in->spec->process, d, e);
	if (r == 0)
		r = plan_limits(in->process, NULL, d, e);
	if (r == 0)
		r = environment_make(in->process, in->root, &env, e);
	if (r == 0)
		r = plan_program(in->process, &env, in->n_preserve, d, e);
	if (r < 0)
		return r;
	plan_identity(in->process, flags & CLONE_NEWUSER, d);
	plan_filter(in->filter, d);
	plan_execution(l, d);
	plan_terminal(in->process, in->screen, d);
	if (in->keyring)
		d->plan.flags |= PLAN_KEYRING;
	return draft_finish(d, e);
}
