/* Broken pages and page faults as programs read them. */
#include "cmd/faults.h"

#include <errno.h>
#include <unistd.h>

#include "spec/base/json.h"

struct counts_row {
	uint64_t inherited_pages, inherited_bytes, broken_pages, broken_bytes;
	uint64_t left_pages, unclear_pages, own_pages, file_pages;
	uint64_t broken_since_pages, left_since_pages;
};

struct mapping_row {
	char *name;
	struct counts_row counts;
};

struct process_row {
	uint64_t pid;
	char *command, *relation;
	struct opt_u64 origin;
	uint64_t minor, major;
	struct counts_row counts;
};

struct exposure_row {
	uint64_t bytes, anon, file, swap;
	bool estimated;
	struct headroom headroom;
	char *warning; /* NULL: there is enough */
};

struct rates_row {
	struct opt_u64 write_protect, minor, major;
};

struct look_row {
	char *name, *source, *why;
	bool exact;
	uint64_t unread, changed, interval_ms, elapsed_ms, origin_writes;
	struct counts_row counts;
	struct mapping_row *mappings;
	size_t n_mappings;
	struct process_row *processes;
	size_t n_processes;
	struct rates_row interval, total;
	struct exposure_row exposure;
};

#define NUMBER(type, key, member) FIELD(type, key, FIELD_U64, member, .always = true)
#define MAYBE(type, key, member) FIELD(type, key, FIELD_OPT_U64, member, .always = true)

#define COUNT_FIELDS(type)                                                                         \
	NUMBER(type, "inherited_pages", counts.inherited_pages),                                   \
		NUMBER(type, "inherited_bytes", counts.inherited_bytes),                           \
		NUMBER(type, "broken_pages", counts.broken_pages),                                 \
		NUMBER(type, "broken_bytes", counts.broken_bytes),                                 \
		NUMBER(type, "origin_wrote_pages", counts.left_pages),                             \
		NUMBER(type, "unclear_pages", counts.unclear_pages),                               \
		NUMBER(type, "own_pages", counts.own_pages),                                       \
		NUMBER(type, "file_pages", counts.file_pages),                                     \
		NUMBER(type, "broken_since_pages", counts.broken_since_pages),                     \
		NUMBER(type, "origin_wrote_since_pages", counts.left_since_pages)

static const struct field mapping_fields[] = {
	FIELD(struct mapping_row, "name", FIELD_STRING, name),
	COUNT_FIELDS(struct mapping_row),
	{ 0 },
};

static const struct field process_fields[] = {
	NUMBER(struct process_row, "pid", pid),
	FIELD(struct process_row, "command", FIELD_STRING, command),
	MAYBE(struct process_row, "origin_pid", origin),
	FIELD(struct process_row, "relation", FIELD_STRING, relation),
	COUNT_FIELDS(struct process_row),
	NUMBER(struct process_row, "minor_faults", minor),
	NUMBER(struct process_row, "major_faults", major),
	{ 0 },
};

static const struct field rates_fields[] = {
	MAYBE(struct rates_row, "write_protect", write_protect),
	MAYBE(struct rates_row, "minor", minor),
	MAYBE(struct rates_row, "major", major),
	{ 0 },
};

static const struct field exposure_fields[] = {
	NUMBER(struct exposure_row, "bytes", bytes),
	NUMBER(struct exposure_row, "anon_bytes", anon),
	NUMBER(struct exposure_row, "file_bytes", file),
	NUMBER(struct exposure_row, "swap_bytes", swap),
	FIELD(struct exposure_row, "estimated", FIELD_BOOL, estimated, .always = true),
	MAYBE(struct exposure_row, "limit_bytes", headroom.limit),
	MAYBE(struct exposure_row, "limit_left_bytes", headroom.limit_left),
	MAYBE(struct exposure_row, "host_available_bytes", headroom.available),
	MAYBE(struct exposure_row, "host_commit_limit_bytes", headroom.commit_limit),
	MAYBE(struct exposure_row, "host_committed_bytes", headroom.committed),
	MAYBE(struct exposure_row, "host_overcommit", headroom.overcommit),
	FIELD(struct exposure_row, "warning", FIELD_STRING, warning),
	{ 0 },
};

static const struct field look_fields[] = {
	FIELD(struct look_row, "container", FIELD_STRING, name),
	FIELD(struct look_row, "exact", FIELD_BOOL, exact, .always = true),
	NUMBER(struct look_row, "processes_unread", unread),
	NUMBER(struct look_row, "processes_changed", changed),
	NUMBER(struct look_row, "elapsed_ms", elapsed_ms),
	NUMBER(struct look_row, "interval_ms", interval_ms),
	COUNT_FIELDS(struct look_row),
	NUMBER(struct look_row, "origin_writes", origin_writes),
	FIELD_LIST(struct look_row, "mappings", FIELD_OBJECT, mappings, n_mappings,
		.inside = mapping_fields, .size = sizeof(struct mapping_row), .always = true),
	FIELD_LIST(struct look_row, "processes", FIELD_OBJECT, processes, n_processes,
		.inside = process_fields, .size = sizeof(struct process_row), .always = true),
	FIELD(struct look_row, "faults", FIELD_OBJECT, interval, .inside = rates_fields,
		.always = true),
	FIELD(struct look_row, "faults_since_first", FIELD_OBJECT, total, .inside = rates_fields,
		.always = true),
	FIELD(struct look_row, "faults_counted_by", FIELD_STRING, source),
	FIELD(struct look_row, "write_protect_why", FIELD_STRING, why),
	FIELD(struct look_row, "exposure", FIELD_OBJECT, exposure, .inside = exposure_fields,
		.always = true),
	{ 0 },
};

static uint64_t bytes_of(uint64_t pages)
{
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct counts_row counts_of(const struct breaks_counts *c)
{
	return (struct counts_row){
		.inherited_pages = c->pages[PAGE_INHERITED],
		.inherited_bytes = bytes_of(c->pages[PAGE_INHERITED]),
		.broken_pages = c->pages[PAGE_BROKEN],
		.broken_bytes = bytes_of(c->pages[PAGE_BROKEN]),
		.left_pages = c->pages[PAGE_LEFT],
		.unclear_pages = c->pages[PAGE_UNCLEAR],
		.own_pages = c->pages[PAGE_OWN],
		.file_pages = c->pages[PAGE_FILE],
		.broken_since_pages = c->broken_now,
		.left_since_pages = c->left_now,
	};
}

static char *relation_name(enum relation relation)
{
	static char parent[] = "parent", template[] = "template", relative[] = "relative";
	static char *const names[] = { NULL, parent, template, relative };

	return names[relation];
}

static struct process_row process_of(const struct breaks_process *p)
{
	return (struct process_row){
		.pid = (uint64_t)p->pid,
		.command = p->command,
		.relation = relation_name(p->relation),
		.origin = { p->origin != 0, (uint64_t)p->origin },
		.minor = p->faults - p->major,
		.major = p->major,
		.counts = counts_of(&p->counts),
	};
}

static struct rates_row rates_of(const struct fault_counts *c)
{
	return (struct rates_row){ c->of[FAULT_WRITE_PROTECT], c->of[FAULT_MINOR],
		c->of[FAULT_MAJOR] };
}

static struct exposure_row exposure_of(const struct faults_look *l, char warning[HEADROOM_TEXT])
{
	const struct breaks *b = &l->breaks;
	uint64_t need = faults_exposure(b);

	return (struct exposure_row){
		.bytes = need,
		.anon = bytes_of(b->exposed_anon),
		.file = bytes_of(b->exposed_file),
		.swap = bytes_of(b->exposed_swap),
		.estimated = b->exposure_estimated,
		.headroom = l->headroom,
		.warning = headroom_is_exceeded(&l->headroom, need, warning) ? warning : NULL,
	};
}

int faults_print_json(FILE *to, const struct faults_look *l, struct err *e)
{
	const struct breaks *b = &l->breaks;
	autofree struct mapping_row *mappings = calloc(b->n_mappings + 1, sizeof(*mappings));
	autofree struct process_row *processes = calloc(b->n_processes + 1, sizeof(*processes));
	automatic(str) struct str text = { 0 };
	char warning[HEADROOM_TEXT];

	if (!mappings || !processes)
		return err_set(e, ENOMEM, "print page faults");
	for (size_t i = 0; i < b->n_mappings; i++)
		mappings[i] = (struct mapping_row){ b->mappings[i].name,
			counts_of(&b->mappings[i].counts) };
	for (size_t i = 0; i < b->n_processes; i++)
		processes[i] = process_of(&b->processes[i]);
	struct look_row row = {
		.name = (char *)l->name,
		.source = (char *)l->source,
		.why = (char *)l->why,
		.exact = !b->n_unread && !b->n_changed,
		.unread = b->n_unread,
		.changed = b->n_changed,
		.interval_ms = l->interval_ms,
		.elapsed_ms = l->elapsed_ms,
		.origin_writes = b->left_writes,
		.counts = counts_of(&b->counts),
		.mappings = mappings,
		.n_mappings = b->n_mappings,
		.processes = processes,
		.n_processes = b->n_processes,
		.interval = rates_of(&l->interval),
		.total = rates_of(&l->total),
		.exposure = exposure_of(l, warning),
	};
	json_write(look_fields, &row, JSON_COMPACT, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "print page faults");
	fprintf(to, "%s\n", text.data);
	return 0;
}
