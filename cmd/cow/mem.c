/* cow mem: what containers cost, and what they share. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup/census.h"
#include "cgroup/stat.h"
#include "cmd/cow/commands.h"
#include "cmd/listing.h"
#include "cmd/mem.h"
#include "runtime/residents.h"

struct mem_words {
	bool json, matrix, legend;
	struct option_list cgroups;
};

static const struct option_row options[] = {
	{ "matrix", 0, OPTION_FLAG, offsetof(struct mem_words, matrix), NULL,
		"who shares how much with whom" },
	{ "json", 0, OPTION_FLAG, offsetof(struct mem_words, json), NULL, "for programs; bytes" },
	{ "legend", 0, OPTION_FLAG, offsetof(struct mem_words, legend), NULL,
		"what the words mean" },
	{ "cgroup", 0, OPTION_LIST, offsetof(struct mem_words, cgroups), "DIR",
		"measure this cgroup v2 directory too, whoever made it" },
	{ 0 },
};

/* What is measured, and the groups that it is measured in; a container without one has a record. */
struct measured {
	struct census_thing *things;
	struct cgroup *groups;
	const struct record **records; /* borrowed */
	size_t n;
};

static void measured_done(struct measured *m)
{
	for (size_t i = 0; i < m->n; i++)
		cgroup_done(&m->groups[i]);
	free(m->things);
	free(m->groups);
	free(m->records);
	*m = (struct measured){ 0 };
}
DEFINE_AUTO(measured, measured_done)

static int list_members(void *context, size_t thing, pid_t **ret_pids, size_t *ret_n, struct err *e)
{
	const struct measured *m = context;

	return m->groups[thing].fd < 0
		       ? residents_list(m->records[thing], ret_pids, ret_n, e)
		       : cgroup_processes(m->groups[thing].fd, true, ret_pids, ret_n, e);
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

static void add_thing(
	struct measured *m, const char *name, struct cgroup group, pid_t monitor, bool frozen)
{
	struct census_thing *t = &m->things[m->n];

	*t = (struct census_thing){
		.name = name, .id = name, .monitor = monitor, .is_frozen = frozen
	};
	m->groups[m->n++] = group;
	add_charges(t, group.fd);
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

static int collect(const struct listing *l, const struct option_list *cgroups, struct measured *m,
	struct err *e)
{
	m->things = calloc(l->n + cgroups->n + 1, sizeof(*m->things));
	m->groups = calloc(l->n + cgroups->n + 1, sizeof(*m->groups));
	m->records = calloc(l->n + cgroups->n + 1, sizeof(const struct record *));
	if (!m->things || !m->groups || !m->records)
		return err_set(e, ENOMEM, "measure");
	for (size_t i = 0; i < l->n; i++) {
		const struct listed *c = &l->v[i];
		struct cgroup group = CGROUP_NONE;
		bool lives = c->status == STATE_RUNNING || c->status == STATE_PAUSED ||
			     c->status == STATE_CREATED;
		m->records[m->n] = &c->record;
		/* A group that has gone is being removed: its container as well. */
		if (lives && (!c->record.cgroup || container_cgroup(&c->record, &group) == 0))
			add_thing(m, c->record.id, group,
				mark_is_alive(&c->record.monitor) ? c->record.monitor.pid : 0,
				c->status == STATE_PAUSED);
	}
	for (size_t i = 0; i < cgroups->n; i++) {
		struct cgroup group;
		int r = open_group(cgroups->v[i], &group, e);
		if (r < 0)
			return r;
		const char *slash = strrchr(cgroups->v[i], '/');
		add_thing(m, slash && slash[1] ? slash + 1 : cgroups->v[i], group, 0,
			cgroup_is_frozen(group.fd) > 0);
	}
	return 0;
}

static int print(struct census *census, const struct mem_words *w, struct err *e)
{
	bool terminal = isatty(1);

	if (w->json)
		return mem_print_json(stdout, census, e);
	int r = census_rank(census, e);
	if (r == 0)
		r = mem_print_table(stdout, census, terminal, e);
	if (r == 0 && w->matrix) {
		putchar('\n');
		r = mem_print_matrix(stdout, census, terminal, e);
	}
	return r;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(listing) struct listing l = { 0 };
	automatic(measured) struct measured m = { 0 };
	automatic(census) struct census census = { 0 };
	const struct mem_words *w = data;

	if (w->legend) {
		mem_print_legend(stdout);
		return 0;
	}
	/* Groups alone were asked for: then the containers were not, and their records are root's.
	 */
	bool containers = argc || !w->cgroups.n;
	int r = containers ? command_open_home(c, false, e) : 0;
	if (r == 0 && containers)
		r = listing_read(&c->home, argv, (size_t)argc, &l, e);
	if (r == 0)
		r = collect(&l, &w->cgroups, &m, e);
	struct census_options how = { .list = list_members, .context = &m };
	if (r == 0)
		r = census_take(m.things, m.n, &how, &census, e);
	return r < 0 ? r : print(&census, w, e);
}

const struct command mem_command = {
	.name = "mem",
	.arguments = "[options] [NAME ...]",
	.summary = "Tells what containers cost in memory, and who shares with whom.",
	.options = options,
	.options_size = sizeof(struct mem_words),
	.max_words = -1,
	.mixed = true,
	.run = run,
};
