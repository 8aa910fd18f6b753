/* cow template ls, inspect, rm: what templates there are, and their end. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/process.h"
#include "cgroup/stat.h"
#include "cmd/cow/commands.h"
#include "cmd/cow/frozen.h"
#include "cmd/json_list.h"
#include "cmd/listing.h"
#include "cmd/table.h"
#include "cmd/times.h"
#include "overlay/text_list.h"
#include "runtime/template_files.h"

/* A template that is ready answers at once, also while it forks for others. */
#define PATIENCE_MS 500

struct ls_words {
	bool quiet, json;
};

static const struct option_row ls_options[] = {
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct ls_words, quiet), NULL, "names alone" },
	{ "json", 0, OPTION_FLAG, offsetof(struct ls_words, json), NULL, "for programs" },
	{ 0 },
};

struct template_row {
	char *name, *image, *command, *created, *ended, *store, *cgroup;
	const char *status; /* "ready", "warming", or how its process is */
	int32_t pid, reaper;
	struct timespec since;
	struct opt_i64 exit_status;
	struct opt_u64 memory;	/* anonymous memory and what was frozen: what no file has */
	struct opt_u64 charged; /* by the kernel's memory controller */
	/* Of a ready one, as its stub reports. */
	struct opt_u64 made;
	struct frozen *frozen; /* NULL: not known */
	/* The containers that are, and so have files above its own. */
	struct text_list forks;
};

struct template_rows {
	struct template_row *v;
	size_t n;
};

#define BYTES(key, member) FIELD(struct template_row, key, FIELD_OPT_U64, member, .always = true)

static const struct field row_fields[] = {
	FIELD(struct template_row, "name", FIELD_STRING, name),
	FIELD(struct template_row, "status", FIELD_STRING, status),
	FIELD(struct template_row, "image", FIELD_STRING, image),
	FIELD(struct template_row, "command", FIELD_STRING, command),
	FIELD(struct template_row, "pid", FIELD_I32, pid, .always = true),
	FIELD(struct template_row, "reaper_pid", FIELD_I32, reaper),
	FIELD(struct template_row, "created", FIELD_STRING, created),
	FIELD(struct template_row, "exit_status", FIELD_OPT_I64, exit_status),
	BYTES("memory_bytes", memory),
	BYTES("charged_bytes", charged),
	FIELD(struct template_row, "freeze", FIELD_OBJECT_PTR, frozen, .inside = frozen_fields,
		.size = sizeof(struct frozen)),
	BYTES("forks_made", made),
	FIELD_LIST(struct template_row, "forks", FIELD_STRING, forks.v, forks.n, .always = true),
	FIELD(struct template_row, "store", FIELD_STRING, store),
	FIELD(struct template_row, "cgroup", FIELD_STRING, cgroup),
	{ 0 },
};

/* --- reading ------------------------------------------------------------------------------------ */

/* What its stub says of it; false: nothing, for now or any more. */
static bool ask(const struct home *h, const char *name, struct template_report *ret)
{
	automatic(template) struct template t = TEMPLATE_NONE;
	struct err ignored;

	return template_open(h, name, &t, &ignored) == 0 &&
	       template_ask(&t, PATIENCE_MS, ret, &ignored) == 0;
}

static struct opt_u64 known(uint64_t value)
{
	return (struct opt_u64){ true, value };
}

/* Pages of zeros are not kept. */
static uint64_t frozen_bytes(const struct template_row *row)
{
	const struct freeze_report *report = row->frozen ? &row->frozen->report : NULL;

	return report ? report->frozen.bytes - report->zero_bytes : 0;
}

static void read_memory(const struct record *record, struct template_row *row)
{
	struct cgroup group = CGROUP_NONE;
	struct cgroup_stat stat = { 0 };
	struct process_memory memory;
	struct err ignored;
	autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofd int dir = proc < 0 ? -1 : process_open(proc, record->init.pid);

	if (dir >= 0 && process_read_memory(dir, &memory) == 0 && mark_is_alive(&record->init))
		row->memory = known(memory.anon + frozen_bytes(row));
	if (container_cgroup(record, &group) == 0 &&
		cgroup_stat_read(group.fd, &stat, &ignored) == 0)
		row->charged = stat.memory.current;
	cgroup_done(&group);
}

static int read_running(const struct home *h, const struct record *record, struct template_row *row)
{
	struct template_report report = { 0 };

	row->pid = record->init.pid;
	if (ask(h, record->id, &report)) {
		row->status = "ready";
		row->made = known(report.forks);
		row->frozen = malloc(sizeof(*row->frozen));
		if (!row->frozen)
			return -ENOMEM;
		frozen_tell(&report.freeze, row->frozen);
	} else {
		row->status = "warming";
	}
	read_memory(record, row);
	return 0;
}

static int find_forks(const struct listing *l, const char *name, struct text_list *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->n; i++)
		if (str_equal(l->v[i].record.forked_from, name))
			r = text_list_add(ret, l->v[i].record.id);
	return r;
}

/* Its texts are the listing's but for those that are made here. */
static int read_row(const struct home *h, const struct listing *l, const struct listed *of,
	struct template_row *row)
{
	const struct record *record = &of->record;

	*row = (struct template_row){ .name = record->id,
		.image = record->image,
		.command = record->command,
		.store = record->store,
		.cgroup = record->cgroup,
		.since = record->created,
		.created = record_time_text(&record->created),
		.status = enum_name_of(state_status_names, (int)of->status),
		.exit_status = { record->ended, record->exit_status },
		.reaper = mark_is_alive(&record->monitor) ? record->monitor.pid : 0 };
	int r = row->created ? find_forks(l, record->id, &row->forks) : -ENOMEM;
	return r == 0 && of->status == STATE_RUNNING ? read_running(h, record, row) : r;
}

static void template_rows_done(struct template_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		free(rows->v[i].created);
		free(rows->v[i].frozen);
		text_list_done(&rows->v[i].forks);
	}
	free(rows->v);
	*rows = (struct template_rows){ 0 };
}

DEFINE_AUTO(template_rows, template_rows_done)

/* Those of the names; n_names 0: all. */
static int read_rows(const struct home *h, const struct listing *l, char *const *names,
	size_t n_names, struct template_rows *ret, struct err *e)
{
	automatic(template_rows) struct template_rows rows = { .v = calloc(
								       l->n + 1, sizeof(*rows.v)) };
	int r = rows.v ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < l->n; i++) {
		bool wanted = !n_names;
		for (size_t n = 0; n < n_names; n++)
			wanted |= strcmp(names[n], l->v[i].record.id) == 0;
		if (wanted && l->v[i].record.is_template)
			r = read_row(h, l, &l->v[i], &rows.v[rows.n++]);
	}
	if (r < 0)
		return err_set(e, -r, "list the templates");
	*ret = rows;
	rows = (struct template_rows){ 0 };
	return 0;
}

/* --- printing ----------------------------------------------------------------------------------- */

static void add_status(struct table *t, const struct template_row *row)
{
	char since[32];

	if (row->pid)
		table_addf(t, "%s, %s", row->status, time_since(&row->since, since));
	else if (row->exit_status.set)
		table_addf(t, "exited (%d)", (int)row->exit_status.value);
	else
		table_add(t, row->status);
}

static void add_count(struct table *t, struct opt_u64 n)
{
	if (n.set)
		table_addf(t, "%" PRIu64, n.value);
	else
		table_add(t, NULL);
}

static int print_table(const struct template_rows *rows, struct err *e)
{
	static const struct table_column columns[] = { { "NAME", TABLE_LEFT, 0 },
		{ "IMAGE", TABLE_LEFT, 40 }, { "COMMAND", TABLE_LEFT, 30 },
		{ "STATUS", TABLE_LEFT, 0 }, { "MEMORY", TABLE_RIGHT, 0 },
		{ "FROZEN", TABLE_RIGHT, 0 }, { "FORKS", TABLE_RIGHT, 0 },
		{ "MADE", TABLE_RIGHT, 0 }, { 0 } };
	automatic(table) struct table t = { .columns = columns, .bold = isatty(1) };

	for (size_t i = 0; i < rows->n; i++) {
		const struct template_row *row = &rows->v[i];
		table_add(&t, row->name);
		table_add(&t, row->image);
		table_add(&t, row->command);
		add_status(&t, row);
		table_add_bytes(&t, row->memory, "");
		if (row->frozen && row->frozen->report.verdict != FREEZE_DONE)
			table_add(&t, "no");
		else
			table_add_bytes(&t, (struct opt_u64){ row->frozen, frozen_bytes(row) }, "");
		table_addf(&t, "%zu", row->forks.n);
		add_count(&t, row->made);
	}
	return table_print(&t, stdout, isatty(1), e);
}

static int ls_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(listing) struct listing l = { 0 };
	automatic(template_rows) struct template_rows rows = { 0 };
	const struct ls_words *w = data;

	(void)argc, (void)argv;
	int r = command_open_home(c, false, e);
	if (r == 0)
		r = listing_read(&c->home, NULL, 0, &l, e);
	for (size_t i = 0; r == 0 && w->quiet && i < l.n; i++)
		if (l.v[i].record.is_template)
			puts(l.v[i].record.id);
	if (r < 0 || w->quiet)
		return r;
	r = read_rows(&c->home, &l, NULL, 0, &rows, e);
	if (r < 0)
		return r;
	return w->json ? json_list_print(row_fields, rows.v, rows.n, sizeof(*rows.v), e)
		       : print_table(&rows, e);
}

static int check_names(const struct home *h, int argc, char **argv, struct err *e)
{
	int r = 0;

	for (int i = 0; r == 0 && i < argc; i++) {
		automatic(record) struct record record = { 0 };
		r = record_read(h, argv[i], &record, e);
		if (r == 0 && !record.is_template)
			r = err_say(e, EINVAL, "'%s' is a container and no template", argv[i]);
	}
	return r;
}

static int inspect_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(listing) struct listing l = { 0 };
	automatic(template_rows) struct template_rows rows = { 0 };

	(void)data;
	int r = command_open_home(c, false, e);
	if (r == 0)
		r = check_names(&c->home, argc, argv, e);
	if (r == 0)
		r = listing_read(&c->home, NULL, 0, &l, e);
	if (r == 0)
		r = read_rows(&c->home, &l, argv, (size_t)argc, &rows, e);
	return r < 0 ? r : json_list_print(row_fields, rows.v, rows.n, sizeof(*rows.v), e);
}

const struct command template_ls_command = {
	.name = "template ls",
	.arguments = "[options]",
	.summary = "Lists the templates, and what they hold.",
	.options = ls_options,
	.options_size = sizeof(struct ls_words),
	.run = ls_run,
};

const struct command template_inspect_command = {
	.name = "template inspect",
	.arguments = "NAME ...",
	.summary = "Prints all that is known of templates, as JSON.",
	.min_words = 1,
	.max_words = -1,
	.run = inspect_run,
};

/* --- the end ------------------------------------------------------------------------------------ */

struct template_rm_words {
	bool force;
};

static const struct option_row rm_options[] = {
	{ "force", 'f', OPTION_FLAG, offsetof(struct template_rm_words, force), NULL,
		"its forks too, whatever they do" },
	{ 0 },
};

static int rm_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct template_rm_words *w = data;
	int r = command_open_home(c, false, e);

	for (int i = 0; r == 0 && i < argc; i++) {
		r = template_remove(&c->home, argv[i], w->force, e);
		if (r == -EBUSY && !w->force)
			return err_while(
				e, "it has forks (hint: remove them first, or rm --force)");
		if (r == 0)
			puts(argv[i]);
	}
	return r;
}

const struct command template_rm_command = {
	.name = "template rm",
	.arguments = "[options] NAME ...",
	.summary = "Ends templates, and removes what they have.",
	.options = rm_options,
	.options_size = sizeof(struct template_rm_words),
	.min_words = 1,
	.max_words = -1,
	.mixed = true,
	.run = rm_run,
};
