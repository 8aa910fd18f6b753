/* What is measured. */
#include "cmd/measured.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/stat.h"
#include "runtime/residents.h"

void measured_done(struct measured *m)
{
	for (size_t i = 0; i < m->n; i++) {
		cgroup_done(&m->sources[i].group);
		free(m->sources[i].name);
		free(m->sources[i].id);
	}
	free(m->things);
	free(m->sources);
	listing_done(&m->listing);
	*m = (struct measured){ 0 };
}

static int list_members(void *context, size_t thing, pid_t **ret_pids, size_t *ret_n, struct err *e)
{
	const struct measured *m = context;
	const struct measured_source *s = &m->sources[thing];

	return s->group.fd < 0 ? residents_list(s->record, ret_pids, ret_n, e)
			       : cgroup_processes(s->group.fd, true, ret_pids, ret_n, e);
}

/* What the memory controller says; on a hybrid host it says nothing, and the figures stay unset. */
static void add_charges(struct census_thing *t, int group)
{
	struct cgroup_stat stat = { 0 };
	struct err ignored;

	if (group < 0 || cgroup_stat_read(group, &stat, &ignored) < 0)
		return;
	t->charged = stat.memory.current;
	t->limit = stat.memory.max;
	if (t->limit.set && t->limit.value == UINT64_MAX)
		t->limit.set = false;
	if (stat.memory.kernel.set && stat.memory.pagetables.set && stat.memory.kernel_stack.set) {
		uint64_t known = stat.memory.pagetables.value + stat.memory.kernel_stack.value;
		uint64_t kernel = stat.memory.kernel.value;
		t->kernel_other = (struct opt_u64){ true, kernel > known ? kernel - known : 0 };
	}
}

/* Takes the source, also when it fails. */
static int add_thing(struct measured *m, struct measured_source s, struct err *e)
{
	struct census_thing *things = reallocarray(m->things, m->n + 1, sizeof(*things));
	struct measured_source *sources = reallocarray(m->sources, m->n + 1, sizeof(*sources));

	if (things)
		m->things = things;
	if (sources)
		m->sources = sources;
	if (!things || !sources || !s.name || !s.id) {
		cgroup_done(&s.group);
		free(s.name);
		free(s.id);
		return err_set(e, ENOMEM, "measure");
	}
	const struct process_mark *monitor = s.record ? &s.record->monitor : NULL;
	sources[m->n] = s;
	things[m->n] = (struct census_thing){
		.name = s.name,
		.id = s.id,
		.monitor = monitor && mark_is_alive(monitor) ? monitor->pid : 0,
		.is_frozen = s.group.fd >= 0 && cgroup_is_frozen(s.group.fd) > 0,
		.group = s.group.fd,
	};
	add_charges(&things[m->n++], s.group.fd);
	return 0;
}

static bool lives(const struct listed *c)
{
	return c->status == STATE_RUNNING || c->status == STATE_PAUSED ||
	       c->status == STATE_CREATED;
}

static int add_container(struct measured *m, const struct listed *c, struct err *e)
{
	struct cgroup group = CGROUP_NONE;

	/* A group that has gone is being removed: its container as well. */
	if (!lives(c) || (c->record.cgroup && container_cgroup(&c->record, &group) < 0))
		return 0;
	return add_thing(m,
		(struct measured_source){
			&c->record, group, strdup(c->record.id), strdup(c->record.id) },
		e);
}

static int open_group(const char *path, struct cgroup *ret, struct err *e)
{
	*ret = (struct cgroup){ .fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) };
	if (ret->fd < 0)
		return err_set(e, errno, "open the cgroup '%s'", path);
	if (faccessat(ret->fd, "cgroup.events", R_OK, 0) < 0) {
		cgroup_done(ret);
		return err_say(e, EINVAL, "'%s' is not a cgroup v2 directory below the root", path);
	}
	return 0;
}

static int add_group(struct measured *m, const char *path, struct err *e)
{
	struct measured_source s = { 0 };
	int r = open_group(path, &s.group, e);

	if (r < 0)
		return r;
	const char *slash = strrchr(path, '/');
	s.name = strdup(slash && slash[1] ? slash + 1 : path);
	s.id = s.name ? strdup(s.name) : NULL;
	return add_thing(m, s, e);
}

int measured_open(struct measured *ret, struct context *c, const struct measured_words *words,
	char *const *names, size_t n_names, struct err *e)
{
	automatic(measured) struct measured m = { .words = words };
	int r = 0;

	/* Groups alone were asked for: then the containers were not, and their records are root's.
	 */
	bool containers = n_names || !words->cgroups.n;
	if (containers && c->home.fd < 0)
		r = command_open_home(c, false, e);
	if (r == 0 && containers)
		r = listing_read(&c->home, names, n_names, &m.listing, e);
	for (size_t i = 0; r == 0 && i < m.listing.n; i++)
		r = add_container(&m, &m.listing.v[i], e);
	for (size_t i = 0; r == 0 && i < words->cgroups.n; i++)
		r = add_group(&m, words->cgroups.v[i], e);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct measured){ 0 };
	return 0;
}

int measured_take(struct measured *m, unsigned details, struct census *ret, struct err *e)
{
	struct census_options how = { .list = list_members, .context = m };

	(void)details;
	return census_take(m->things, m->n, &how, ret, e);
}
