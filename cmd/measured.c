/* What is measured. */
#include "cmd/measured.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/knob.h"
#include "cgroup/process.h"
#include "cgroup/stat.h"
#include "runtime/private_cache.h"
#include "runtime/residents.h"
#include "spec/base/str.h"

static void source_done(struct measured_source *s)
{
	cgroup_done(&s->group);
	free(s->name);
	free(s->id);
	free(s->engine);
}

void measured_done(struct measured *m)
{
	for (size_t i = 0; i < m->n; i++)
		source_done(&m->sources[i]);
	free(m->things);
	free(m->sources);
	families_done(&m->families);
	listing_done(&m->listing);
	*m = (struct measured){ 0 };
}

/* --- who belongs to a thing ------------------------------------------------------------------ */

/* Things are listed in their order, once in each look: one snapshot of all processes serves all. */
static int list_family(
	struct measured *m, size_t thing, pid_t **ret_pids, size_t *ret_n, struct err *e)
{
	const struct measured_source *s = &m->sources[thing];
	int r = 0;

	if (!m->families.v || thing <= m->last_listed) {
		families_done(&m->families);
		r = families_read(&m->families, e);
	}
	m->last_listed = thing;
	return r < 0 ? r
		     : families_list(&m->families, s->pid, s->start, getpid(), ret_pids, ret_n, e);
}

/* We would change while we read, and would not be there if nobody looked. */
static void leave_out(pid_t pid, pid_t *pids, size_t *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++)
		if (pids[i] != pid)
			pids[kept++] = pids[i];
	*n = kept;
}

static int list_members(void *context, size_t thing, pid_t **ret_pids, size_t *ret_n, struct err *e)
{
	struct measured *m = context;
	const struct measured_source *s = &m->sources[thing];
	int r = 0;

	switch (s->members) {
	case MEASURED_GROUP:
		r = cgroup_processes(s->group.fd, true, ret_pids, ret_n, e);
		break;
	case MEASURED_RESIDENTS:
		r = residents_list(s->record, ret_pids, ret_n, e);
		break;
	case MEASURED_FAMILY:
		r = list_family(m, thing, ret_pids, ret_n, e);
		break;
	}
	if (r == 0)
		leave_out(getpid(), *ret_pids, ret_n);
	return r;
}

/* --- what is measured ------------------------------------------------------------------------ */

/* What the memory controller says; on a hybrid host it says nothing, and the figures stay unset. */
static void add_charges(struct census_thing *t, int group)
{
	struct cgroup_stat stat = { 0 };
	struct err ignored;

	if (group < 0 || cgroup_stat_read(group, &stat, &ignored) < 0)
		return;
	t->charged = stat.memory.current;
	t->limit = stat.memory.max;
	t->shmem = stat.memory.shmem;
	if (t->limit.set && t->limit.value == UINT64_MAX)
		t->limit.set = false;
	if (stat.memory.kernel.set && stat.memory.pagetables.set && stat.memory.kernel_stack.set) {
		uint64_t known = stat.memory.pagetables.value + stat.memory.kernel_stack.value;
		uint64_t kernel = stat.memory.kernel.value;
		t->kernel_other = (struct opt_u64){ true, kernel > known ? kernel - known : 0 };
	}
}

/* Whoever stops himself never goes on. */
static bool holds_us(const struct cgroup *group)
{
	autofree pid_t *pids = NULL;
	struct err ignored;
	size_t n = 0;

	if (cgroup_processes(group->fd, true, &pids, &n, &ignored) < 0)
		return true;
	for (size_t i = 0; i < n; i++)
		if (pids[i] == getpid())
			return true;
	return false;
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
		source_done(&s);
		return err_set(e, ENOMEM, "measure");
	}
	const struct process_mark *monitor = s.record ? &s.record->monitor : NULL;
	sources[m->n] = s;
	things[m->n] = (struct census_thing){
		.name = s.name,
		.id = s.id,
		.engine = s.engine,
		.monitor = monitor && mark_is_alive(monitor) ? monitor->pid : 0,
		.is_frozen = s.group.fd >= 0 && cgroup_is_frozen(s.group.fd) > 0,
		.group = s.group.fd >= 0 && !holds_us(&s.group) ? s.group.fd : -1,
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
			.members = group.fd < 0 ? MEASURED_RESIDENTS : MEASURED_GROUP,
			.record = &c->record,
			.group = group,
			.name = strdup(c->record.id),
			.id = strdup(c->record.id),
		},
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

/* What a process calls itself; it may be anything. */
static char *command_of(pid_t pid)
{
	char path[32], text[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	knob_read(AT_FDCWD, path, text, sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
			*at = '?';
	return strdup(text);
}

static int add_family(struct measured *m, const char *word, struct err *e)
{
	struct measured_source s = { .members = MEASURED_FAMILY, .group = CGROUP_NONE };
	struct process_stat stat;
	uint64_t pid;

	if (!str_to_u64(word, INT32_MAX, &pid) || pid == 0)
		return err_say(e, ERR_USAGE, "option --pid: '%s' is not a process", word);
	autofd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = proc < 0 ? -errno : process_read_stat_of(proc, (pid_t)pid, &stat);
	if (r < 0)
		return err_set(e, -r, "measure process %s", word);
	s.pid = (pid_t)pid;
	s.start = stat.start;
	s.name = command_of(s.pid);
	s.id = strdup(word);
	return add_thing(m, s, e);
}

/* What cannot be known stays unset. */
static void add_caches(struct measured *m)
{
	automatic(private_cache) struct private_cache cache = PRIVATE_CACHE_NONE;

	private_cache_init(&cache);
	for (size_t i = 0; i < m->n; i++) {
		struct census_thing *t = &m->things[i];
		struct private_cache_bytes bytes;
		struct err ignored;
		if (!m->sources[i].record ||
			private_cache_read(&cache, m->sources[i].record, &bytes, &ignored) < 0)
			continue;
		t->private_cache = (struct opt_u64){ true, bytes.all };
		/* It is in there too. */
		if (t->shmem.set)
			t->shmem.value -=
				bytes.on_tmpfs < t->shmem.value ? bytes.on_tmpfs : t->shmem.value;
	}
}

int measured_open(struct measured *ret, struct context *c, const struct measured_words *words,
	char *const *names, size_t n_names, struct err *e)
{
	automatic(measured) struct measured m = { .words = words };
	int r = 0;

	/* Groups alone were asked for: then the containers were not, and their records are root's.
	 */
	bool containers = n_names || !(words->cgroups.n || words->pids.n);
	if (containers && c->home.fd < 0)
		r = command_open_home(c, false, e);
	if (r == 0 && containers)
		r = listing_read(&c->home, names, n_names, &m.listing, e);
	for (size_t i = 0; r == 0 && i < m.listing.n; i++)
		r = add_container(&m, &m.listing.v[i], e);
	for (size_t i = 0; r == 0 && i < words->cgroups.n; i++)
		r = add_group(&m, words->cgroups.v[i], e);
	for (size_t i = 0; r == 0 && i < words->pids.n; i++)
		r = add_family(&m, words->pids.v[i], e);
	if (r < 0)
		return r;
	if (!words->fast)
		add_caches(&m);
	*ret = m;
	m = (struct measured){ 0 };
	return 0;
}

int measured_take(struct measured *m, unsigned details, struct census *ret, struct err *e)
{
	struct census_options how = {
		.list = list_members,
		.context = m,
		.freeze = m->words->no_freeze ? CENSUS_FREEZE_CHANGED : CENSUS_FREEZE_ALL,
		.fast = m->words->fast,
		.host = m->words->host,
		.details = details,
	};

	return census_take(m->things, m->n, &how, ret, e);
}
