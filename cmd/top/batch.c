/* Readings as text, for scripts. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/table.h"
#include "cmd/top/live.h"
#include "cmd/top/view.h"
#include "spec/base/str.h"

#define N_TEXT_COLUMNS COLUMN_BAR /* those before it are text */

/* "2026-11-30 17:03:05  8 containers: 66.0 MiB in all, 263.6 MiB saved. Exact." */
static void print_summary(const struct model *m)
{
	const struct census *c = &m->census;
	time_t now = time(NULL);
	struct tm tm;
	char when[32], bytes[20];

	strftime(when, sizeof(when), "%F %T", localtime_r(&now, &tm));
	automatic(str) struct str count = { 0 };
	view_count(m, &count);
	printf("%s  %s", when, str_ok(&count) ? count.data : "");
	if (c->union_bytes.set)
		printf(": %s in all", view_bytes(c->union_bytes, c->estimated, bytes));
	if (c->saved_bytes.set)
		printf(", %s saved", view_bytes(c->saved_bytes, c->estimated, bytes));
	if (c->exact)
		puts(". Exact.");
	else
		printf(". %s: %s.\n", c->estimated ? "Estimates" : "Not exact", c->why);
}

static void add_cell(struct table *t, const struct model *m, size_t usage, enum column_id id)
{
	const struct memory_usage *u = &m->census.usages[usage];
	bool ours = id != COLUMN_CHARGED && id != COLUMN_LIMIT;

	if (id == COLUMN_NAME)
		table_add(t, u->name);
	else if (id == COLUMN_PROCESSES)
		table_addf(t, "%zu", (size_t)u->processes);
	else
		table_add_bytes(t, columns[id].figure(u), m->census.estimated && ours ? "~" : "");
}

static int print_rows(const struct model *m, struct err *e)
{
	struct table_column shown[N_TEXT_COLUMNS + 1] = { 0 };
	automatic(table) struct table t = { .columns = shown };

	for (int id = 0; id < N_TEXT_COLUMNS; id++)
		shown[id] = (struct table_column){ columns[id].name,
			columns[id].figure ? TABLE_RIGHT : TABLE_LEFT, 0 };
	for (size_t i = 0; i < m->n_rows; i++)
		for (int id = 0; id < N_TEXT_COLUMNS; id++)
			add_cell(&t, m, m->rows[i], (enum column_id)id);
	return table_print(&t, stdout, false, e);
}

static void wait_for(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

int top_batch(const struct top *t, struct model *m, struct err *e)
{
	int took, r = 0;

	for (uint64_t i = 0; r == 0 && (!t->n_readings || i < t->n_readings); i++) {
		if (i) {
			putchar('\n');
			wait_for(t->interval_ms);
		}
		r = top_read(t, 0, false, m, &took, e);
		if (r < 0)
			return r;
		print_summary(m);
		r = print_rows(m, e);
		/* Who reads it has gone: told at the end, as of all commands. */
		if (r == 0 && fflush(stdout) != 0)
			return 0;
	}
	return r;
}
