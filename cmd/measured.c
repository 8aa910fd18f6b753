/* What is measured. */
#include "cmd/measured.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup/knob.h"
#include "cgroup/legacy.h"
#include "cgroup/process.h"
#include "cgroup/stat.h"
#include "cmd/open_files.h"
#include "runtime/census_layers.h"
#include "runtime/private_cache.h"
#include "runtime/residents.h"
#include "spec/base/str.h"

void measured_source_done(struct measured_source *s)
{
	cgroup_done(&s->group);
	free(s->whole);
	free(s->path);
	free(s->name);
	free(s->id);
	free(s->engine);
}

void measured_done(struct measured *m)
{
	for (size_t i = 0; i < m->n; i++)
		measured_source_done(&m->sources[i]);
	free(m->things);
	free(m->sources);
	free(m->claims);
	families_done(&m->families);
	engines_done(&m->engines);
	listing_done(&m->listing);
	*m = (struct measured){ 0 };
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
	t->shmem = stat.memory.shmem;
	if (t->limit.set && t->limit.value == UINT64_MAX)
		t->limit.set = false;
	if (stat.memory.kernel.set && stat.memory.pagetables.set && stat.memory.kernel_stack.set) {
		uint64_t known = stat.memory.pagetables.value + stat.memory.kernel_stack.value;
		uint64_t kernel = stat.memory.kernel.value;
		t->kernel_other = (struct opt_u64){ true, kernel > known ? kernel - known : 0 };
	}
}

/* The figures of a group are of those below it too: of one that is measured alone they tell nothing. */
static bool has_groups(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 || st.st_nlink > 2;
}

static void measure_group(struct census_thing *t, const struct measured_source *s)
{
	if (s->group.fd < 0 || (s->members == MEASURED_ALONE && has_groups(s->group.fd)))
		return;
	if (s->is_v1)
		legacy_charges(s->group.fd, &t->charged, &t->limit);
	else
		add_charges(t, s->group.fd);
}

static bool look_at_group(struct measured_source *s)
{
	struct stat st;

	if (s->group.fd < 0)
		return true;
	if (fstat(s->group.fd, &st) < 0)
		return false;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return true;
}

static bool is_below(const char *path, const char *above)
{
	size_t n = path && above ? strlen(above) : 0;

	return n && strncmp(path, above, n) == 0 && path[n] == '/';
}

int measured_place(const struct measured *m, struct measured_source *s, struct err *e)
{
	char link[40], path[PATH_MAX];

	if (s->whole || s->rank != RANK_NAMED || s->group.fd < 0)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", s->group.fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	/* Too deep to have one: nobody can have named what is inside. */
	if (n < 0 || n == sizeof(path) - 1)
		return 0;
	path[n] = '\0';
	s->whole = strdup(path);
	if (!s->whole)
		return err_set(e, ENOMEM, "measure");
	for (size_t i = 0; i < m->n; i++)
		s->has_inner = s->has_inner || is_below(m->sources[i].whole, s->whole);
	return 0;
}

/* What its group is charged is of the inner ones too, and they are rows of their own. */
static void forget_charges(struct census_thing *t)
{
	t->kernel_other = t->shmem = (struct opt_u64){ 0 };
}

static void note_inner(struct measured *m, const struct measured_source *s)
{
	for (size_t i = 0; i < m->n; i++)
		if (is_below(s->whole, m->sources[i].whole)) {
			m->sources[i].has_inner = true;
			forget_charges(&m->things[i]);
		}
}

int measured_add(struct measured *m, struct measured_source s, struct err *e)
{
	if (measured_place(m, &s, e) < 0) {
		measured_source_done(&s);
		return -ENOMEM;
	}
	note_inner(m, &s);
	if (!open_files_may_keep(s.group.fd)) {
		cgroup_done(&s.group);
		s.group = CGROUP_NONE;
		s.failed = -EMFILE;
	}
	struct census_thing *things = reallocarray(m->things, m->n + 1, sizeof(*things));
	struct measured_source *sources = reallocarray(m->sources, m->n + 1, sizeof(*sources));

	if (things)
		m->things = things;
	if (sources)
		m->sources = sources;
	if (!things || !sources || !s.name || !s.id || !look_at_group(&s)) {
		measured_source_done(&s);
		return err_set(e, ENOMEM, "measure");
	}
	const struct process_mark *monitor = s.record ? &s.record->monitor : NULL;
	bool is_v2 = s.group.fd >= 0 && !s.is_v1;
	sources[m->n] = s;
	things[m->n] = (struct census_thing){
		.name = s.name,
		.id = s.id,
		.engine = s.engine,
		.is_template = s.record && s.record->is_template,
		.monitor = monitor && mark_is_alive(monitor) ? monitor->pid : 0,
		.is_frozen = is_v2 && cgroup_is_frozen(s.group.fd) > 0,
		/* Services and sessions are no containers: they are read as they run. */
		.group = is_v2 && s.rank == RANK_NAMED ? s.group.fd : -1,
	};
	measure_group(&things[m->n], &s);
	if (s.has_inner)
		forget_charges(&things[m->n]);
	m->n++;
	return 0;
}

/* What a group's path tells of it, or else the path itself. Replaces what is known so far. */
void measured_recognise(struct measured *m, const char *path, struct measured_source *s)
{
	struct engine_group g = { 0 };

	if (engine_recognise(&m->engines, path, s->maker, &g)) {
		s->engine = g.engine ? strdup(g.engine) : NULL;
		s->name = g.name;
		s->id = g.is_container ? g.id : NULL;
		if (!g.is_container)
			free(g.id);
		return;
	}
	const char *slash = strrchr(path, '/');
	s->name = strdup(slash && slash[1] ? slash + 1 : path);
}

static bool lives(const struct listed *c)
{
	return c->status == STATE_RUNNING || c->status == STATE_PAUSED ||
	       c->status == STATE_CREATED;
}

/* An engine above us has made it, and has a name for it. */
static void use_engine(struct measured *m, struct measured_source *s, const char *path)
{
	struct engine_group g = { 0 };
	bool known = path && engine_recognise(&m->engines, path, s->maker, &g) && g.is_container;

	s->engine = strdup(known && g.engine ? g.engine : "cowrun");
	if (known && g.name) {
		free(s->name);
		s->name = take(g.name);
	}
	free(g.name);
	free(g.id);
}

static int add_container(struct measured *m, const struct listed *c, struct err *e)
{
	struct cgroup group = CGROUP_NONE;

	if (!lives(c))
		return 0;
	int failed = c->record.cgroup ? container_cgroup(&c->record, &group) : 0;
	/* A group that has gone is being removed: its container as well. */
	if (failed < 0 && failed != -EMFILE && failed != -ENFILE)
		return 0;
	struct measured_source s = {
		.members = !c->record.cgroup ? MEASURED_RESIDENTS : MEASURED_GROUP,
		.record = &c->record,
		.group = group,
		.failed = failed,
		.name = strdup(c->record.id),
		.id = strdup(c->record.id),
	};
	s.maker = c->record.cgroup ? engine_maker(group.fd, c->record.cgroup) : 0;
	use_engine(m, &s, c->record.cgroup);
	return measured_add(m, s, e);
}

static int open_group(const char *path, struct measured_source *ret, struct err *e)
{
	autofd int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "open the cgroup '%s'", path);
	ret->is_v1 = legacy_is_memory(fd);
	if (!ret->is_v1 && faccessat(fd, "cgroup.events", R_OK, 0) < 0)
		return err_say(e, EINVAL,
			"'%s' is neither a cgroup v2 directory below the root, nor one of v1's memory",
			path);
	ret->group.fd = take_fd(&fd);
	return 0;
}

static int add_group(struct measured *m, const char *path, struct err *e)
{
	struct measured_source s = { .members = MEASURED_GROUP, .group = CGROUP_NONE };
	autofree char *whole = realpath(path, NULL);
	int r = open_group(path, &s, e);

	if (r < 0)
		return r;
	s.maker = engine_maker(s.group.fd, whole ? whole : path);
	measured_recognise(m, whole ? whole : path, &s);
	if (!s.id)
		s.id = strdup(whole ? whole : path);
	return measured_add(m, s, e);
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
	struct process_stat stat = { 0 };
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
	return measured_add(m, s, e);
}

/* What cannot be known stays unset. */
static void add_caches(struct measured *m)
{
	automatic(private_cache) struct private_cache cache = PRIVATE_CACHE_NONE;

	private_cache_init(&cache);
	for (size_t i = 0; i < m->n; i++) {
		struct census_thing *t = &m->things[i];
		struct private_cache_bytes bytes;
		struct err why = { 0 };
		int r = m->sources[i].record
				? private_cache_read(&cache, m->sources[i].record, &bytes, &why)
				: -ENODATA;
		if (r == -E2BIG && m->n_without_cache++ == 0)
			m->without_cache = why;
		if (r < 0)
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
	int r = n_names && words->all
			? err_say(e, ERR_USAGE, "option --all: names have no place beside it")
			: 0;

	open_files_raise();
	/* Groups alone were asked for: then the containers were not, and their records are root's.
	 */
	bool containers = n_names || words->all || !(words->cgroups.n || words->pids.n);
	if (r == 0 && containers && c->home.fd < 0)
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
	if (containers && !n_names)
		m.store = c->store;
	*ret = m;
	m = (struct measured){ 0 };
	return 0;
}

/* What is wrong with one of them is no more than that: nothing is known of it. */
static int list_members(void *context, size_t thing, pid_t **ret_pids, size_t *ret_n, struct err *e)
{
	struct measured *m = context;
	struct measured_source *s = &m->sources[thing];

	if (thing <= m->last_listed)
		measured_look(m);
	m->last_listed = thing;
	int r = measured_list(m, s, ret_pids, ret_n, e);
	if (r == 0 || r == -ENOMEM)
		return r;
	if (!s->is_unread && m->n_unread++ == 0)
		m->unread = *e;
	s->is_unread = true;
	*ret_pids = NULL;
	*ret_n = 0;
	e->code = 0;
	return 0;
}

static void forget_figures(struct memory_usage *u)
{
	free(u->kinds);
	free(u->with);
	*u = (struct memory_usage){
		.name = u->name,
		.id = u->id,
		.engine = u->engine,
		.charged = u->charged,
		.limit = u->limit,
		.n_unread = 1,
	};
}

static int doubt(struct census *c, size_t n, const char *what, const struct err *first)
{
	if (n == 0)
		return 0;
	char *why =
		n == 1 ? str_format("a %s could not be read: %s", what, first->text)
		       : str_format("%zu %ss could not be read, first: %s", n, what, first->text);
	if (!why)
		return -ENOMEM;
	free(c->why);
	c->why = why;
	c->exact = false;
	return 0;
}

static int tell_unread(const struct measured *m, struct census *c, struct err *e)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->sources[i].is_unread)
			forget_figures(&c->usages[i]);
	if (m->n_unread)
		c->union_bytes.set = c->unshared_bytes.set = c->saved_bytes.set = false;
	int r = doubt(c, m->n_unseen, "group", &m->unseen);
	if (r == 0)
		r = doubt(c, m->n_unread, "row", &m->unread);
	return r < 0 ? err_set(e, -r, "measure %zu containers", m->n) : 0;
}

static int find_files(struct measured *m, unsigned details, struct census *c, struct err *e)
{
	automatic(origins) struct origins origins = { 0 };
	const struct record **records = calloc(m->n + 1, sizeof(struct record *));

	if (!records)
		return err_set(e, ENOMEM, "find layers");
	for (size_t i = 0; i < m->n; i++)
		records[i] = m->sources[i].record;
	int r = origins_find(c, records, m->n, &origins, e);
	if (r == 0 && details & MEASURED_LAYERS)
		r = census_layers_fill(c, &origins, records, m->n, m->store, e);
	free(records);
	return r;
}

int measured_take(struct measured *m, unsigned details, struct census *ret, struct err *e)
{
	struct census_options how = {
		.list = list_members,
		.context = m,
		.freeze = m->words->never_freeze ? CENSUS_FREEZE_NEVER
			  : m->words->no_freeze	 ? CENSUS_FREEZE_CHANGED
						 : CENSUS_FREEZE_ALL,
		.fast = m->words->fast,
		.host = m->words->host,
		.details = details & (CENSUS_PROCESSES | CENSUS_FILES),
	};
	automatic(census) struct census c = { 0 };

	for (size_t i = 0; i < m->n; i++)
		m->sources[i].is_unread = false;
	m->n_unread = 0;
	int r = census_take(m->things, m->n, &how, &c, e);
	if (r == 0)
		r = tell_unread(m, &c, e);
	if (r == 0 && details & CENSUS_FILES)
		r = find_files(m, details, &c, e);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct census){ 0 };
	return 0;
}
