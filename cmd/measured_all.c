/*
 * Every group with processes, whoever made it.
 *
 * A container is one row, with all groups below its own. Any other group is one for the processes
 * in it, which on most hosts are in leaves alone. First come containers, v2's and then those that
 * only v1's memory hierarchy has, then other groups of either: nobody is in two rows, and a group
 * that is left without processes by that is none. The root's processes are the host's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup/foreign.h"
#include "cgroup/groups.h"
#include "cgroup/hierarchy.h"
#include "cgroup/knob.h"
#include "cgroup/legacy.h"
#include "cgroup/process.h"
#include "cmd/measured.h"
#include "spec/base/str.h"

/* A walk through one hierarchy. */
struct search {
	struct measured *m;
	const char *mount;
	int root;
	bool is_v1;
	struct measured_source *others; /* groups that are no containers, for later */
	size_t n_others;
};

static bool is_known(const struct measured *m, const struct measured_source *s)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->sources[i].group.fd >= 0 && m->sources[i].dev == s->dev &&
			m->sources[i].ino == s->ino)
			return true;
	return false;
}

static int note_unseen(struct measured *m, const char *path, int failed)
{
	if (failed != -EACCES && failed != -EPERM && m->n_unseen++ == 0)
		err_set(&m->unseen, -failed, "open the cgroup '%s'", path);
	return 0;
}

/* Kernel threads and the dead have no memory. */
static bool has_memory(int proc, const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct process_stat stat;
		if (process_read_stat_of(proc, pids[i], &stat) == 0 && !stat.zombie)
			return true;
	}
	return false;
}

/*
 * Whether there is anybody in it who is in no row of a smaller rank; or -errno. What an ordinary user
 * may not look into is no row of his.
 */
static int is_inhabited(struct measured *m, const struct measured_source *s, struct err *e)
{
	autofd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autofree pid_t *pids = NULL;
	size_t n = 0;

	int r = proc < 0 ? err_set(e, errno, "open '/proc'") : measured_list(m, s, &pids, &n, e);
	if (r == -EACCES || r == -EPERM)
		return 0;
	/* Who knows: a row, whose figures say that they are not known. */
	if (r < 0)
		return r == -ENOMEM ? r : 1;
	return has_memory(proc, pids, n);
}

/*
 * The same group in v1, where a hybrid host has the memory controller: its charges. By its path,
 * or by the container's id: what an ordinary user can have made says nothing true of either.
 */
static void lend_charges(const struct search *search, const struct measured_source *s)
{
	for (size_t i = 0; search->is_v1 && s->maker == 0 && i < search->m->n; i++) {
		const struct measured_source *row = &search->m->sources[i];
		struct census_thing *t = &search->m->things[i];
		if (row->group.fd < 0 || row->maker != 0 || row->is_v1 || t->charged.set ||
			!(str_equal(row->path, s->path) || str_equal(row->id, s->id)))
			continue;
		legacy_charges(s->group.fd, &t->charged, &t->limit);
	}
}

static int keep_for_later(struct search *search, struct measured_source *s, struct err *e)
{
	struct measured_source *more =
		reallocarray(search->others, search->n_others + 1, sizeof(*more));

	if (!more)
		return err_set(e, ENOMEM, "list the cgroups");
	search->others = more;
	more[search->n_others++] = *s;
	*s = (struct measured_source){ .group = CGROUP_NONE };
	return 0;
}

static int add_if_inhabited(struct search *search, struct measured_source *s, struct err *e)
{
	int r = is_inhabited(search->m, s, e);

	if (r == 0)
		lend_charges(search, s);
	if (r <= 0)
		return r;
	struct measured_source taken = *s;
	*s = (struct measured_source){ .group = CGROUP_NONE };
	return measured_add(search->m, taken, e);
}

static void fill(const struct search *search, const char *path, int fd, struct measured_source *s)
{
	struct stat st = { 0 };

	fstat(fd, &st);
	*s = (struct measured_source){
		.is_v1 = search->is_v1,
		.group.fd = -1,
		.path = strdup(path),
		.dev = st.st_dev,
		.ino = st.st_ino,
		.maker = engine_maker(fd, path),
	};
	measured_recognise(search->m, path, s);
	bool is_container = s->id != NULL;
	if (!is_container)
		s->id = str_format("%s%s", search->mount, path);
	s->members = is_container ? MEASURED_GROUP : MEASURED_ALONE;
	s->rank = is_container ? (search->is_v1 ? RANK_CONTAINER_V1 : RANK_NAMED)
			       : (search->is_v1 ? RANK_GROUP_V1 : RANK_GROUP);
}

/* Most groups are, and nobody needs to remember these. What cannot be told may be inhabited. */
static bool is_empty(int fd)
{
	autofree pid_t *pids = NULL;
	size_t n = 0;
	struct err ignored;

	int r = cgroup_processes(fd, false, &pids, &n, &ignored);
	return knob_is_gone(r) || (r == 0 && n == 0);
}

static void keep_open(struct measured_source *s, int fd)
{
	s->failed = fd < 0 ? -errno : 0;
	s->group.fd = fd;
}

static int visit(void *context, const char *path, int fd, struct err *e)
{
	struct search *search = context;
	automatic(measured_source) struct measured_source s;

	if (fd < 0)
		return note_unseen(search->m, path, fd);
	fill(search, path, fd, &s);
	if (!s.path || !s.id || !s.name)
		return err_set(e, ENOMEM, "list the cgroups");
	if (is_known(search->m, &s))
		return 1;
	if (s.members == MEASURED_ALONE)
		return is_empty(fd) ? 0 : keep_for_later(search, &s, e);
	keep_open(&s, fcntl(fd, F_DUPFD_CLOEXEC, 0));
	int r = measured_place(search->m, &s, e);
	if (r == 0)
		r = add_if_inhabited(search, &s, e);
	return r < 0 ? r : 1;
}

static int search_containers(struct search *search, struct err *e)
{
	measured_look(search->m);
	return search->root < 0 ? 0 : groups_walk(search->root, visit, search, e);
}

/* Not another that has its path since. */
static bool is_same(const struct measured_source *s)
{
	struct stat st;

	return s->group.fd < 0 ||
	       (fstat(s->group.fd, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino);
}

static int add_others(struct search *search, struct err *e)
{
	int r = 0;

	measured_look(search->m);
	for (size_t i = 0; r == 0 && i < search->n_others; i++) {
		struct measured_source *s = &search->others[i];
		keep_open(s, openat(search->root, s->path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC));
		if (!knob_is_gone(s->failed) && is_same(s))
			r = add_if_inhabited(search, s, e);
		cgroup_done(&s->group);
		s->group = CGROUP_NONE;
	}
	return r;
}

static void search_done(struct search *search)
{
	for (size_t i = 0; i < search->n_others; i++)
		measured_source_done(&search->others[i]);
	free(search->others);
}
DEFINE_AUTO(search, search_done)

/* A host that libcgroup cannot make sense of has none for us. */
static const char *find_v1(const struct foreign *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_equal(f->v[i].controllers, "memory") ||
			strstr(f->v[i].controllers, "memory,") ||
			strstr(f->v[i].controllers, ",memory"))
			return f->v[i].path;
	return NULL;
}

/* More of a name: by the engine, and where that is not enough by the place. */
static char *longer_name(const struct measured_source *s, bool by_place)
{
	const char *path = s->whole ? s->whole : s->path;

	if (by_place)
		return path ? str_format("%s (%s)", s->name, path) : strdup(s->name);
	if (s->members == MEASURED_GROUP && s->engine)
		return str_format("%s:%s", s->engine, s->name);
	return strdup(s->id);
}

/* All of one name, ours apart: they have theirs to themselves. */
static int lengthen(struct measured *m, bool by_place, struct err *e)
{
	autofree bool *twice = calloc(m->n + 1, sizeof(*twice));

	if (!twice)
		return err_set(e, ENOMEM, "list the cgroups");
	for (size_t i = 0; i < m->n; i++)
		for (size_t j = 0; !twice[i] && j < m->n; j++)
			twice[i] = j != i && str_equal(m->things[j].name, m->things[i].name);
	for (size_t i = 0; i < m->n; i++) {
		struct measured_source *s = &m->sources[i];
		if (!twice[i] || s->record)
			continue;
		char *name = longer_name(s, by_place);
		if (!name)
			return err_set(e, ENOMEM, "list the cgroups");
		free(s->name);
		m->things[i].name = s->name = name;
	}
	return 0;
}

/* Two rows of one name are told apart by more of it. */
static int tell_apart(struct measured *m, struct err *e)
{
	int r = lengthen(m, false, e);

	return r < 0 ? r : lengthen(m, true, e);
}

static int add_all(struct measured *m, struct err *e)
{
	automatic(foreign) struct foreign f = { 0 };
	autofree char *mount = NULL;
	autofd int v2 = -1, v1 = -1;
	struct err ignored;

	if (hierarchy_path(&mount) == 0)
		v2 = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *v1_mount = foreign_list(&f, &ignored) == 0 ? find_v1(&f) : NULL;
	if (v1_mount)
		v1 = open(v1_mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	automatic(search) struct search in_v2 = { .m = m, .mount = mount, .root = v2 };
	automatic(search) struct search in_v1 = {
		.m = m, .mount = v1_mount, .root = v1, .is_v1 = true
	};
	int r = search_containers(&in_v2, e);
	if (r == 0)
		r = search_containers(&in_v1, e);
	if (r == 0)
		r = add_others(&in_v2, e);
	if (r == 0)
		r = add_others(&in_v1, e);
	return r < 0 ? r : tell_apart(m, e);
}

int measured_open_any(struct measured *ret, struct context *c, const struct measured_words *words,
	char *const *names, size_t n_names, struct err *e)
{
	automatic(measured) struct measured m = { 0 };
	int r = measured_open(&m, c, words, names, n_names, e);

	if (r == 0 && words->all)
		r = add_all(&m, e);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct measured){ 0 };
	return 0;
}
