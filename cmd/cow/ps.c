/* cow ps: the containers. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cow/commands.h"
#include "cmd/cow/network.h"
#include "cmd/json_list.h"
#include "cmd/listing.h"
#include "cmd/table.h"
#include "cmd/times.h"

struct ps_words {
	bool all, quiet, json;
};

static const struct option_row options[] = {
	{ "all", 'a', OPTION_FLAG, offsetof(struct ps_words, all), NULL,
		"those that have ended too" },
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct ps_words, quiet), NULL, "names alone" },
	{ "json", 0, OPTION_FLAG, offsetof(struct ps_words, json), NULL, "for programs" },
	{ 0 },
};

/* A row as programs read it. */
struct ps_row {
	char *name, *image, *command, *status, *created, *template;
	int32_t pid;
	struct opt_i64 exit_status;
	bool oom_killed, is_template;
	struct port_list ports;
};

static const struct field row_fields[] = {
	FIELD(struct ps_row, "name", FIELD_STRING, name),
	FIELD(struct ps_row, "image", FIELD_STRING, image),
	FIELD(struct ps_row, "command", FIELD_STRING, command),
	FIELD(struct ps_row, "status", FIELD_STRING, status),
	FIELD(struct ps_row, "pid", FIELD_I32, pid, .always = true),
	FIELD(struct ps_row, "exit_status", FIELD_OPT_I64, exit_status),
	FIELD(struct ps_row, "oom_killed", FIELD_BOOL, oom_killed, .always = true),
	FIELD(struct ps_row, "created", FIELD_STRING, created),
	FIELD(struct ps_row, "is_template", FIELD_BOOL, is_template),
	FIELD(struct ps_row, "template", FIELD_STRING, template),
	FIELD_LIST(struct ps_row, "ports", FIELD_STRING, ports.v, ports.n),
	{ 0 },
};

static bool is_shown(const struct ps_words *w, const struct listed *l)
{
	return w->all || (l->status != STATE_STOPPED && l->status != STATE_CREATING);
}

static int print_json(const struct listing *l, const struct ps_words *w, struct err *e)
{
	autofree struct ps_row *rows = calloc(l->n + 1, sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return err_set(e, ENOMEM, "list the containers");
	int r = 0;
	for (size_t i = 0; r == 0 && i < l->n; i++) {
		const struct listed *c = &l->v[i];
		if (!is_shown(w, c))
			continue;
		rows[n] = (struct ps_row){ .name = c->record.id,
			.image = c->record.image,
			.command = c->record.command,
			.status = (char *)enum_name_of(state_status_names, (int)c->status),
			.created = record_time_text(&c->record.created),
			.pid = c->status == STATE_STOPPED ? 0 : c->record.init.pid,
			.exit_status = { c->record.ended, c->record.exit_status },
			.oom_killed = c->record.oom,
			.is_template = c->record.is_template,
			.template = c->record.forked_from };
		r = port_list_read(c->record.ports, &rows[n++].ports, e);
	}
	if (r == 0)
		r = json_list_print(row_fields, rows, n, sizeof(*rows), e);
	for (size_t i = 0; i < n; i++) {
		free(rows[i].created);
		port_list_done(&rows[i].ports);
	}
	return r;
}

/* Nobody will record its end, as somebody was to. A fork has its template's reaper. */
static bool is_unwatched(const struct listing *all, const struct record *r)
{
	const struct process_mark *monitor = &r->monitor;

	for (size_t i = 0; r->forked_from && i < all->n; i++)
		if (strcmp(all->v[i].record.id, r->forked_from) == 0)
			monitor = &all->v[i].record.monitor;
	return (monitor->pid || r->forked_from) && !mark_is_alive(monitor);
}

static void add_status(struct table *t, const struct listing *all, const struct listed *l)
{
	const struct record *r = &l->record;
	char since[32];

	if (l->status == STATE_STOPPED && r->ended)
		table_addf(t, "exited (%d%s) %s ago", r->exit_status,
			r->oom ? ", out of memory" : "", time_since(&r->ended_at, since));
	else if (l->status == STATE_STOPPED)
		table_add(t, "ended, status not recorded");
	else if (l->status == STATE_RUNNING)
		table_addf(t, "%sup %s%s", r->is_template ? "template, " : "",
			time_since(&r->created, since),
			is_unwatched(all, r) ? ", monitor gone" : "");
	else
		table_add(t, enum_name_of(state_status_names, (int)l->status));
}

/* A column that would be empty is left out. */
static bool have_ports(const struct listing *l, const struct ps_words *w)
{
	for (size_t i = 0; i < l->n; i++)
		if (is_shown(w, &l->v[i]) && l->v[i].record.ports)
			return true;
	return false;
}

static int print_table(const struct listing *l, const struct ps_words *w, struct err *e)
{
	struct table_column columns[] = { { "NAME", TABLE_LEFT, 0 }, { "IMAGE", TABLE_LEFT, 40 },
		{ "COMMAND", TABLE_LEFT, 30 }, { "PID", TABLE_RIGHT, 0 },
		{ "STATUS", TABLE_LEFT, 0 }, { "PORTS", TABLE_LEFT, 0 }, { 0 } };
	automatic(table) struct table t = { .columns = columns, .bold = isatty(1) };
	bool ports = have_ports(l, w);

	if (!ports)
		columns[5] = (struct table_column){ 0 };
	for (size_t i = 0; i < l->n; i++) {
		const struct record *r = &l->v[i].record;
		if (!is_shown(w, &l->v[i]))
			continue;
		table_add(&t, r->id);
		table_add(&t, r->image);
		table_add(&t, r->command);
		if (l->v[i].status == STATE_STOPPED || !r->init.pid)
			table_add(&t, NULL);
		else
			table_addf(&t, "%d", (int)r->init.pid);
		add_status(&t, l, &l->v[i]);
		if (ports)
			table_add(&t, r->ports);
	}
	return table_print(&t, stdout, isatty(1), e);
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(listing) struct listing l = { 0 };
	const struct ps_words *w = data;

	(void)argc, (void)argv;
	int r = command_open_home(c, false, e);
	if (r == 0)
		r = listing_read(&c->home, NULL, 0, &l, e);
	if (r < 0)
		return r;
	if (w->json)
		return print_json(&l, w, e);
	for (size_t i = 0; w->quiet && i < l.n; i++)
		if (is_shown(w, &l.v[i]))
			puts(l.v[i].record.id);
	return w->quiet ? 0 : print_table(&l, w, e);
}

const struct command ps_command = {
	.name = "ps",
	.arguments = "[options]",
	.summary = "Lists the containers that run.",
	.options = options,
	.options_size = sizeof(struct ps_words),
	.run = run,
};
