/* cow gc: what nothing in the store refers to goes. */
#include <errno.h>
#include <stdio.h>

#include "cmd/cow/commands.h"
#include "overlay/garbage.h"
#include "spec/base/json.h"
#include "spec/base/str.h"

struct gc_words {
	bool dry_run, json;
};

static const struct option_row options[] = {
	{ "dry-run", 'n', OPTION_FLAG, offsetof(struct gc_words, dry_run), NULL,
		"tell what would go, and remove nothing" },
	{ "json", 0, OPTION_FLAG, offsetof(struct gc_words, json), NULL, "for programs" },
	{ 0 },
};

struct gc_row {
	char *kind;
	uint64_t count, bytes;
};

struct gc_report {
	bool dry_run;
	struct gc_row *rows;
	size_t n_rows;
	uint64_t bytes;
};

static const struct field row_fields[] = {
	FIELD(struct gc_row, "kind", FIELD_STRING, kind),
	FIELD(struct gc_row, "count", FIELD_U64, count, .always = true),
	FIELD(struct gc_row, "bytes", FIELD_U64, bytes, .always = true),
	{ 0 },
};

static const struct field report_fields[] = {
	FIELD(struct gc_report, "dry_run", FIELD_BOOL, dry_run, .always = true),
	FIELD_LIST(struct gc_report, "removed", FIELD_OBJECT, rows, n_rows, .inside = row_fields,
		.size = sizeof(struct gc_row), .always = true),
	FIELD(struct gc_report, "freed_bytes", FIELD_U64, bytes, .always = true),
	{ 0 },
};

static int print_json(const struct gc_report *report, struct err *e)
{
	automatic(str) struct str text = { 0 };

	json_write(report_fields, report, JSON_INDENTED, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "write JSON");
	return puts(text.data) < 0 ? err_set(e, EIO, "print") : 0;
}

static int print_text(const struct gc_report *report, struct err *e)
{
	char size[16];

	for (size_t i = 0; i < report->n_rows; i++)
		if (report->rows[i].count)
			printf("%s: %ju (%s)\n", report->rows[i].kind,
				(uintmax_t)report->rows[i].count,
				str_human(report->rows[i].bytes, size));
	return printf("%s %s\n", report->dry_run ? "would free" : "freed",
		       str_human(report->bytes, size)) < 0
		       ? err_set(e, EIO, "print")
		       : 0;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	const struct gc_words *w = data;
	struct garbage garbage = { 0 };
	struct gc_row rows[GARBAGE_KINDS];
	struct gc_report report = { .dry_run = w->dry_run, .rows = rows, .n_rows = GARBAGE_KINDS };

	(void)argc, (void)argv;
	int r = store_open(c->store, STORE_READ, &store, e);
	if (r == 0)
		r = garbage_collect(&store, w->dry_run, &garbage, e);
	if (r < 0 && r != -ENOENT) /* no store yet: no garbage */
		return r;
	for (size_t i = 0; i < GARBAGE_KINDS; i++) {
		rows[i] = (struct gc_row){ (char *)garbage_name((enum garbage_kind)i),
			garbage.of[i].n, garbage.of[i].bytes };
		report.bytes += garbage.of[i].bytes;
	}
	return w->json ? print_json(&report, e) : print_text(&report, e);
}

const struct command gc_command = {
	.name = "gc",
	.arguments = "[options]",
	.summary = "Removes from the store what no image and no container uses.",
	.options = options,
	.options_size = sizeof(struct gc_words),
	.owns = true,
	.run = run,
};
