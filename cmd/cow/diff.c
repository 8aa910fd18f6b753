/* cow diff: what a container has changed. */
#include <stdio.h>

#include "cmd/cow/commands.h"
#include "cmd/json_list.h"
#include "runtime/written.h"

struct diff_words {
	bool json;
};

static const struct option_row options[] = {
	{ "json", 0, OPTION_FLAG, offsetof(struct diff_words, json), NULL, "for programs" },
	{ 0 },
};

/* As docker's letters, and as words. */
static const struct {
	char letter;
	const char *word;
} kinds[] = {
	[CHANGE_MODIFIED] = { 'C', "modified" },
	[CHANGE_ADDED] = { 'A', "added" },
	[CHANGE_DELETED] = { 'D', "deleted" },
};

struct diff_row {
	char *path, *change;
};

static const struct field row_fields[] = {
	FIELD(struct diff_row, "path", FIELD_STRING, path),
	FIELD(struct diff_row, "change", FIELD_STRING, change),
	{ 0 },
};

struct diff_rows {
	struct diff_row *v;
	size_t n, room;
};

static void diff_rows_done(struct diff_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		free(rows->v[i].path);
	free(rows->v);
}
DEFINE_AUTO(diff_rows, diff_rows_done)

/* A name is a container's: none of it may begin a line or move the cursor. */
static int print_change(void *data, const struct change *change, struct err *e)
{
	(void)data;
	printf("%c /", kinds[change->kind].letter);
	for (const char *at = change->path; *at; at++)
		putchar((unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at);
	return putchar('\n') < 0 ? err_set(e, EIO, "print") : 0;
}

static int keep_change(void *data, const struct change *change, struct err *e)
{
	struct diff_rows *rows = data;

	if (rows->n == rows->room) {
		size_t room = rows->room ? 2 * rows->room : 64;
		struct diff_row *more = reallocarray(rows->v, room, sizeof(*more));
		if (!more)
			return err_set(e, ENOMEM, "list the changes");
		rows->v = more;
		rows->room = room;
	}
	char *path = str_format("/%s", change->path);
	if (!path)
		return err_set(e, ENOMEM, "list the changes");
	rows->v[rows->n++] = (struct diff_row){ path, (char *)kinds[change->kind].word };
	return 0;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(written) struct written written = WRITTEN_NONE;
	automatic(diff_rows) struct diff_rows rows = { 0 };
	const struct diff_words *w = data;

	(void)argc;
	int r = command_open_home(c, false, e);
	if (r == 0)
		r = written_open(&c->home, argv[0], &written, e);
	if (r == 0 && written.changes.own >= 0)
		r = changes_walk(&written.changes, w->json ? keep_change : print_change, &rows, e);
	if (r < 0)
		return r;
	return w->json ? json_list_print(row_fields, rows.v, rows.n, sizeof(*rows.v), e) : 0;
}

const struct command diff_command = {
	.name = "diff",
	.arguments = "[options] NAME",
	.summary = "Lists what a container has changed: A added, C changed, D deleted.",
	.options = options,
	.options_size = sizeof(struct diff_words),
	.min_words = 1,
	.max_words = 1,
	.owns = true,
	.mixed = true,
	.run = run,
};
