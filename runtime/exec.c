/* A further process in a container that lives. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "runtime/group.h"
#include "runtime/handover.h"
#include "runtime/notify.h"
#include "runtime/plan.h"
#include "runtime/rdt.h"
#include "runtime/rootless.h"
#include "runtime/schedule.h"
#include "spec/base/fd.h"
#include "spec/base/userns.h"

static int write_pid(const char *path, pid_t pid, struct err *e)
{
	char text[24];

	if (!path)
		return 0;
	snprintf(text, sizeof(text), "%d", (int)pid);
	int r = fd_replace_file(AT_FDCWD, path, text, strlen(text), 0644, e);
	return r < 0 ? err_while(e, "pid file") : 0;
}

/* The root directory of the container's first process, by the one magic link that leads there. */
static int open_root(const struct process_mark *init)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/root", (int)init->pid);
	autofd int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return mark_is_alive(init) ? take_fd(&fd) : -1;
}

static int check_status(
	const struct home *h, const struct record *record, bool ignore_paused, struct err *e)
{
	enum state_status status = container_status(h, record);

	if (status == STATE_PAUSED && !ignore_paused)
		return err_say(e, ERR_NOT_RUNNING,
			"cannot exec in a paused container (use --ignore-paused to override)");
	if (status == STATE_STOPPED || status == STATE_CREATING)
		return err_say(e, ERR_NOT_RUNNING,
			"cannot exec in container '%s': container not running: %s", record->id,
			enum_name_of(state_status_names, (int)status));
	return 0;
}

/*
 * exec's child joins and forks: it tells FORKED, and everything that can fail comes after. The pid
 * file is written before the program runs, and is not there when it does not.
 */
static int accompany(struct birth *b, const struct exec_options *o, const struct record *record,
	const struct spec *spec, const struct schedule *s, struct err *e)
{
	enum channel_type said = 0;

	for (;;) {
		int r = birth_next(b, &said, e);
		if (r == 0 && said == CHANNEL_FORKED) {
			r = schedule_process(b->pid, s, e);
			if (r == 0)
				r = rdt_join_of(spec->linux_.rdt, record->id, b->pid, e);
			if (r == 0)
				r = write_pid(o->pid_file, b->pid, e);
			if (r == 0)
				r = handover_pidfd(o->pidfd_socket, b->pidfd, e);
			if (r == 0)
				r = birth_go(b, e);
		} else if (r == 0 && said == CHANNEL_LISTENER)
			r = notify_agent(b, spec, record->id, record->bundle, STATE_RUNNING,
				record->init.pid, e);
		else if (r == 0 && said != CHANNEL_TERMINAL)
			return 0;
		if (r < 0)
			return r;
	}
}

/*
 * Where no group is asked for, a container that manages groups of its own is followed into them, and
 * one that has left its own, which somebody removed then, to wherever it is.
 */
static int bear(const struct record *record, const struct draft *d, const char *below,
	struct birth *ret, struct err *e)
{
	automatic(cgroup) struct cgroup group = CGROUP_NONE, inner = CGROUP_NONE;
	bool may_follow = !below && record->cgroup;
	int r = 0;

	if (below || record->cgroup)
		r = group_open_below(record, below ? below : "/", &group, e);
	if (r == 0)
		r = birth_begin(0, 0, group.fd, d, ret, e);
	else
		err_while(e, "cannot exec in container '%s'", record->id);
	if (r < 0 && (r == -EBUSY || group.fd < 0) && may_follow &&
		group_open_of_init(record, &inner) == 0)
		r = birth_begin(0, 0, inner.fd, d, ret, e);
	if (r == -EBUSY)
		return err_say(e, EBUSY,
			"cannot exec in container '%s': in its cgroup '%s%s': device or resource busy: "
			"groups below it have controllers, and cgroup v2 has no processes beside those",
			record->id, record->cgroup ? record->cgroup : "",
			below && *below != '/' ? below : "");
	return r;
}

/* What the process does not say is as config.json has it for the first one. */
static struct schedule exec_schedule(const struct process_spec *p, const struct spec *container)
{
	static const struct process_spec none;
	const struct process_spec *first = container->process ? container->process : &none;
	const struct cpu_affinity_spec *a = p->cpu_affinity ? p->cpu_affinity : first->cpu_affinity;
	bool has_final = a && a->final && *a->final, has_initial = a && a->initial && *a->initial;

	return (struct schedule){
		.scheduler = p->scheduler ? p->scheduler : first->scheduler,
		.priority = p->io_priority ? p->io_priority : first->io_priority,
		.cpus = has_final ? a->final : NULL,
		.initial_cpus = has_initial ? a->initial : NULL,
		.cpuset = container->linux_.resources.cpu.cpus,
	};
}

int container_exec(const struct home *h, const char *id, const struct exec_options *o,
	struct birth *ret, struct err *e)
{
	automatic(record) struct record record = { 0 };
	automatic(spec) struct spec spec = { 0 };
	automatic(draft) struct draft d;
	automatic(birth) struct birth b = BIRTH_NONE;
	automatic(filter) struct filter filter = { 0 };

	draft_begin(&d);
	int r = record_read(h, id, &record, e);
	if (r == 0)
		r = check_status(h, &record, o->ignore_paused, e);
	if (r == 0)
		r = container_spec(h, id, &spec, e);
	if (r == 0)
		r = filter_take(h, &spec.linux_.seccomp, &filter, e);
	if (r < 0)
		return r;
	const struct process_spec *process = o->process ? o->process : spec.process;
	if (!process)
		return err_say(e, EINVAL, "process: missing: nothing to run");
	autofd int root = open_root(&record.init);
	struct exec_inputs in = { .spec = &spec,
		.process = process,
		.id = id,
		.pidfd = mark_open(&record.init),
		.root = root,
		.filter = &filter,
		.keyring = !record.no_keyring,
		.inside = rootless_is_needed() || userns_is_inner(),
		.screen = o->screen,
		.n_preserve = o->n_preserve };
	autofd int console = -1;
	if (in.pidfd < 0)
		return err_say(e, ERR_NOT_RUNNING,
			"cannot exec in container '%s': container not running", id);
	struct schedule schedule = exec_schedule(process, &spec);
	r = plan_exec(&in, &d, e);
	if (r == 0)
		r = schedule_ourselves(&schedule, e);
	if (r == 0 && o->console_socket)
		r = console = handover_connect(o->console_socket, "--console-socket", e);
	if (r >= 0)
		r = bear(&record, &d, o->cgroup, &b, e);
	if (r == 0)
		b.console = take_fd(&console);
	if (r == 0)
		r = accompany(&b, o, &record, &spec, &schedule, e);
	if (r < 0) {
		if (o->pid_file)
			unlink(o->pid_file);
		return r;
	}
	b.over = true;
	*ret = b;
	b = (struct birth)BIRTH_NONE;
	return 0;
}
