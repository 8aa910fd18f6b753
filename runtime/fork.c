/* A container that is forked. */
#include "runtime/fork.h"

#include <fcntl.h>
#include <sched.h>

#include "runtime/foreign.h"
#include "runtime/labels.h"
#include "runtime/plan.h"
#include "runtime/stock.h"
#include "runtime/template.h"

static int check(const struct spec *spec, const struct create_options *o, struct err *e)
{
	if (spec->hooks.n_create_container)
		return err_say(e, ENOTSUP,
			"hooks.createContainer: a fork of a template does not see the host's files, in which they would run");
	/* They take effect at an execve(), and there is none. */
	if (labels_asked(spec->process, NULL))
		return err_say(e, ENOTSUP,
			"process.apparmorProfile, selinuxLabel: a fork of a template keeps its template's");
	if (plan_namespaces(spec, true).forks)
		return err_say(e, ENOTSUP,
			"linux.namespaces: a fork of a template can have no time namespace of its own, and join no user or pid namespace");
	return stock_check_user(o->stock, o->from->template, spec, e);
}

bool fork_is_moved(const struct container *c, const struct create_options *o)
{
	return o->from && !o->inside && c->cgroup.fd >= 0 && spec_namespace(c->spec, CLONE_NEWUSER);
}

int fork_begin(struct container *c, const struct create_options *o, struct err *e)
{
	const struct template *t = o->from->template;
	const struct plan_namespaces n = plan_namespaces(c->spec, true);
	const bool moved = fork_is_moved(c, o);
	int r = check(c->spec, o, e);

	return r < 0 ? r
		     : foreign_begin(t, n.by_clone, moved ? 0 : n.by_child,
			       moved ? -1 : c->cgroup.fd, &c->birth, e);
}

int fork_move(struct container *c, struct err *e)
{
	const struct draft *d = c->unsent;
	int r = cgroup_enter(c->cgroup.fd, c->birth.pid, e);

	c->unsent = NULL;
	if (r == 0)
		r = foreign_tell(&c->birth, plan_namespaces(c->spec, true).by_child, e);
	return r < 0 ? r : birth_send(&c->birth, d, e);
}

int fork_hand(struct container *c, const struct fork_source *from, struct err *e)
{
	struct reaper_ward ward = from->ward;
	autofd int told = -1;
	int ends[2];

	ward.id = c->id;
	ward.pid = c->birth.pid;
	if (from->stands_in) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return err_set(e, errno, "make a pipe");
		c->fork_status = ends[0];
		ward.status = told = ends[1];
	}
	int r = template_hear_fork(from->template, e);
	c->birth.helped = false;
	return r < 0 ? r : reaper_hand(from->template->reaper, &ward, e);
}

void fork_give_up(const struct container *c, const struct template *t, int why)
{
	struct err ignored;

	/* Who was not heard for so long will not be, and who was told to stop does not wait. */
	if (c->birth.helped && why != -ETIMEDOUT && why != -EINTR)
		template_hear_fork(t, &ignored);
}
