/* The list: what the whole set costs, and a row for each container. */
#include "cmd/top/graph.h"
#include "cmd/top/view.h"

#include <stdio.h>
#include <stdlib.h>

#include "spec/base/str.h"

/* "66.0 MiB in all, 329.6 MiB without sharing: 263.6 MiB saved (80 %)", or as much as is known */
static void draw_sums(const struct census *census, struct canvas *c, int row)
{
	automatic(str) struct str text = { 0 };
	char bytes[20];
	bool estimated = census->estimated;

	if (!census->union_bytes.set)
		return;
	str_addf(&text, "%s in all", view_bytes(census->union_bytes, estimated, bytes));
	if (census->saved_bytes.set) {
		uint64_t apart = census->unshared_bytes.value, saved = census->saved_bytes.value;
		str_addf(&text, ", %s without sharing",
			view_bytes(census->unshared_bytes, estimated, bytes));
		str_addf(&text, ": %s saved", view_bytes(census->saved_bytes, estimated, bytes));
		if (apart)
			str_addf(&text, " (%.0f %%)", 100.0 * (double)saved / (double)apart);
	}
	if (str_ok(&text))
		canvas_put(c, row, 1, c->n_columns - 2, LOOK_PLAIN, text.data);
}

/* What is used of what would be used without sharing. */
static void draw_saved(const struct census *census, struct canvas *c, int row)
{
	struct bar_part used = bar_private;

	used.value = census->union_bytes.value;
	if (!census->saved_bytes.set || !census->unshared_bytes.value || c->n_columns < 12)
		return;
	bar_put(c, row, 1, c->n_columns - 2, census->unshared_bytes.value, &used, 1);
}

/* As many names as there is room for, whole, and how many more there are; the first one always. */
static void draw_with(
	const struct census *census, size_t usage, struct canvas *c, int row, int at, int width)
{
	autofree struct partner *partners = NULL;
	size_t n = 0, shown = 0;
	char more[24] = "";

	if (model_partners(census, usage, &partners, &n) < 0)
		return;
	for (int used = 0; shown < n; shown++) {
		used += canvas_width(partners[shown].name) + (shown > 0);
		int rest = shown + 1 < n ? snprintf(more, sizeof(more), " +%zu", n - shown - 1) : 0;
		if (shown && used + rest > width)
			break;
	}
	if (shown < n)
		snprintf(more, sizeof(more), "+%zu", n - shown);
	int room = width - (shown < n ? canvas_width(more) + 1 : 0);
	for (size_t i = 0; i < shown; i++) {
		int took = canvas_put(c, row, at, room, LOOK_PLAIN, partners[i].name) + 1;
		at += took;
		room -= took;
	}
	if (shown < n)
		canvas_put(c, row, at, width, LOOK_PLAIN, more);
}

static uint64_t most_mapped(const struct census *census)
{
	uint64_t most = 0;

	for (size_t i = 0; i < census->n_usages; i++)
		if (census->usages[i].unique.value > most)
			most = census->usages[i].unique.value;
	return most;
}

static void draw_trend(const struct model *m, const struct memory_usage *u, struct canvas *c,
	int row, int at, int width)
{
	const struct history *h = histories_find(&m->histories, u->id);
	uint64_t low, high;

	if (!h || !h->n)
		return;
	history_range(h->private, h->n, &low, &high);
	spark_put(c, row, at, width, LOOK_PRIVATE, h->private, h->n, 0, high);
}

static void draw_bar(const struct census *census, const struct memory_usage *u, struct canvas *c,
	int row, int at, int width)
{
	struct bar_part parts[] = { bar_private, bar_shared };

	parts[0].value = u->private.value;
	parts[1].value = u->shared.value;
	if (u->private.set && u->shared.set)
		bar_put(c, row, at, width, most_mapped(census), parts, 2);
}

static void draw_figure(enum column_id id, const struct memory_usage *u, bool estimated,
	struct canvas *c, int row, int at, int width)
{
	struct opt_u64 figure = columns[id].figure(u);
	bool ours = id != COLUMN_CHARGED && id != COLUMN_LIMIT;
	char text[20];

	if (id == COLUMN_PROCESSES)
		snprintf(text, sizeof(text), "%zu", (size_t)figure.value);
	canvas_put_right(c, row, at, width, LOOK_PLAIN,
		id == COLUMN_PROCESSES ? text : view_bytes(figure, estimated && ours, text));
}

static void draw_cell(const struct model *m, size_t usage, const struct column_place *p,
	struct canvas *c, int row)
{
	const struct memory_usage *u = &m->census.usages[usage];
	int at = p->at + 1;

	if (p->id == COLUMN_NAME) {
		canvas_put(c, row, at, p->width, LOOK_BOLD, u->name);
	} else if (p->id == COLUMN_TREND) {
		draw_trend(m, u, c, row, at, p->width);
	} else if (p->id == COLUMN_BAR) {
		draw_bar(&m->census, u, c, row, at, p->width);
	} else if (p->id == COLUMN_WITH) {
		draw_with(&m->census, usage, c, row, at, p->width);
	} else {
		draw_figure(p->id, u, m->census.estimated, c, row, at, p->width);
	}
}

static void draw_header(const struct model *m, const struct column_place *places, size_t n,
	struct canvas *c, int row)
{
	canvas_shade(c, row, LOOK_REVERSE);
	for (size_t i = 0; i < n; i++) {
		const struct column *column = &columns[places[i].id];
		bool sorted = places[i].id == m->sorted;
		char text[32];
		/* Numbers fall unless they are turned around, names rise. */
		bool falls = (column->figure != NULL) != m->reversed;
		snprintf(text, sizeof(text), "%s%s", column->name,
			!sorted		      ? ""
			: canvas_has_blocks() ? (falls ? "▼" : "▲")
					      : (falls ? "v" : "^"));
		(column->figure ? canvas_put_right : canvas_put)(c, row, places[i].at + 1,
			places[i].width, sorted ? LOOK_BOLD : LOOK_PLAIN, text);
	}
}

static void draw_rows(struct view *v, const struct model *m, struct canvas *c, int top, int end)
{
	struct column_place places[N_COLUMNS];
	size_t n = columns_place(&m->census, m->sorted, c->n_columns - 2, places);

	v->n_shown = end - top > 1 ? (size_t)(end - top - 1) : 0;
	v->first = model_first(m->at, m->n_rows, v->n_shown, v->first);
	draw_header(m, places, n, c, top);
	for (size_t i = 0; i < v->n_shown && v->first + i < m->n_rows; i++) {
		int row = top + 1 + (int)i;
		if (v->first + i == m->at)
			canvas_shade(c, row, LOOK_REVERSE);
		for (size_t p = 0; p < n; p++)
			draw_cell(m, m->rows[v->first + i], &places[p], c, row);
	}
	if (!m->n_rows && m->has_census && v->n_shown)
		canvas_put(c, top + 1, 1, c->n_columns - 2, LOOK_DIM,
			m->filter[0] ? "No name has that in it." : "No container runs.");
}

/* Where not all rows are seen: which ones are, or what filters them. */
static void draw_where(const struct view *v, const struct model *m, struct canvas *c, int row)
{
	automatic(str) struct str text = { 0 };
	size_t last = v->first + v->n_shown < m->n_rows ? v->first + v->n_shown : m->n_rows;

	if (m->filter[0] && !v->is_typing)
		str_addf(&text, "filter: %s  ", m->filter);
	if (m->n_rows > v->n_shown)
		str_addf(&text, "%zu to %zu of %zu", v->first + 1, last, m->n_rows);
	if (text.data && str_ok(&text))
		canvas_put_right(c, row, 1, c->n_columns - 2, LOOK_DIM, text.data);
}

void view_list(struct view *v, const struct model *m, struct canvas *c, int top, int end)
{
	if (end - top > 4)
		draw_sums(&m->census, c, top++);
	if (end - top > 8)
		draw_saved(&m->census, c, top++);
	int where = end - top > 6 ? top++ : -1;
	draw_rows(v, m, c, top, end);
	if (where >= 0)
		draw_where(v, m, c, where);
}
