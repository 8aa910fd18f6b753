/* What all pages have: a title, the state of the last reading, the keys. */
#include "cmd/top/view.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/str.h"

const char *view_bytes(struct opt_u64 bytes, bool estimated, char out[20])
{
	char text[16];

	if (!bytes.set)
		return "-";
	snprintf(out, 20, "%s%s", estimated ? "~" : "", str_human(bytes.value, text));
	char *point = strchr(out, '.');
	if (point && strlen(out) > VIEW_BYTES_WIDTH)
		memmove(point, point + 2, strlen(point + 2) + 1);
	return out;
}

void view_count(const struct model *m, struct str *s)
{
	size_t templates = 0, n = m->census.n_usages;

	for (size_t i = 0; i < m->census.n_usages; i++) {
		templates += m->census.usages[i].is_template;
		n -= m->census.usages[i].is_host;
	}
	if (m->filter[0])
		str_addf(s, "%zu of ", m->n_rows);
	str_addf(s, "%zu container%s", n - templates, n - templates == 1 ? "" : "s");
	if (templates)
		str_addf(s, " and %zu template%s", templates, templates == 1 ? "" : "s");
}

static void put_interval(struct str *s, const struct view *v)
{
	if (v->is_paused)
		str_add(s, "paused");
	else if (v->interval_ms % 1000)
		str_addf(s, "every %d.%d s", v->interval_ms / 1000, v->interval_ms % 1000 / 100);
	else
		str_addf(s, "every %d s", v->interval_ms / 1000);
	if (v->clock)
		str_addf(s, "  %s", v->clock);
}

static void draw_title(const struct view *v, const struct model *m, struct canvas *c)
{
	automatic(str) struct str left = { 0 }, right = { 0 };
	const struct memory_usage *u = model_chosen(m);

	if (v->page == PAGE_HELP) {
		str_add(&left, "cow top: keys and columns");
	} else if (v->page == PAGE_DETAIL && u) {
		str_addf(&left, "%s%s: %zu process%s", u->is_template ? "template " : "", u->name,
			(size_t)u->processes, u->processes == 1 ? "" : "es");
		if (u->threads > u->processes)
			str_addf(&left, ", %zu threads", (size_t)u->threads);
	} else {
		str_add(&left, "cow top: ");
		view_count(m, &left);
	}
	put_interval(&right, v);
	canvas_shade(c, 0, LOOK_REVERSE);
	if (!str_ok(&left) || !str_ok(&right))
		return;
	int room = c->n_columns - 2, width = canvas_width(right.data);
	if (width + 12 > room)
		width = 0;
	canvas_put(c, 0, 1, room - width - 2 * (width > 0), LOOK_BOLD, left.data);
	if (width)
		canvas_put_right(c, 0, 1, room, LOOK_PLAIN, right.data);
}

/* What the figures are worth, and what they took. */
static void draw_worth(const struct view *v, const struct census *census, struct canvas *c, int row)
{
	automatic(str) struct str text = { 0 };

	if (census->exact)
		str_add(&text, "Exact");
	else
		str_addf(&text, "%s: %s", census->estimated ? "Estimates" : "Not exact",
			census->why);
	str_addf(&text, ". Read in %d ms", v->took_ms);
	if (census->n_frozen)
		str_addf(&text, ", frozen for %.1f ms", (double)census->frozen_ns / 1e6);
	str_add(&text, ".");
	if (str_ok(&text))
		canvas_put(c, row, 1, c->n_columns - 2, census->exact ? LOOK_GOOD : LOOK_WARNING,
			text.data);
}

static void draw_state(const struct view *v, const struct model *m, struct canvas *c, int row)
{
	int room = c->n_columns - 2;

	if (v->failure)
		canvas_putf(c, row, 1, room, LOOK_WARNING | LOOK_BOLD, "%s", v->failure);
	else if (!m->has_census)
		canvas_put(c, row, 1, room, LOOK_DIM, "Reading ...");
	else
		draw_worth(v, &m->census, c, row);
}

static void draw_prompt(const struct model *m, struct canvas *c, int row)
{
	int n = canvas_put(c, row, 1, c->n_columns - 2, LOOK_BOLD, "Filter: ");

	n += canvas_put(c, row, 1 + n, c->n_columns - 2 - n - 1, LOOK_PLAIN, m->filter);
	canvas_put(c, row, 1 + n, 1, LOOK_REVERSE, " ");
	n += 3;
	const char *hint = "Enter keep  Esc drop";
	if (n + canvas_width(hint) < c->n_columns - 1)
		canvas_put_right(c, row, 1 + n, c->n_columns - 2 - n, LOOK_DIM, hint);
}

/* As many as there is room for, whole. */
static void draw_keys(const struct view *v, struct canvas *c, int row)
{
	int at = 1;

	for (size_t i = 0; i < n_key_rows; i++) {
		const struct key_row *key = &key_rows[i];
		if (!key->brief || !(key->pages & v->page))
			continue;
		int width = canvas_width(key->shown) + 1 + canvas_width(key->brief);
		if (at + width >= c->n_columns)
			break;
		at += canvas_put(c, row, at, c->n_columns, LOOK_BOLD, key->shown) + 1;
		at += canvas_put(c, row, at, c->n_columns, LOOK_PLAIN, key->brief) + 2;
	}
}

/* Of a screen that has no room for all the title stays longest. */
void view_draw(struct view *v, const struct model *m, struct canvas *c)
{
	static void (*const pages[])(
		struct view *, const struct model *, struct canvas *, int, int) = {
		[PAGE_LIST] = view_list,
		[PAGE_DETAIL] = view_detail,
		[PAGE_HELP] = view_help,
	};
	int top = 0, end = c->n_rows;

	canvas_clear(c);
	draw_title(v, m, c);
	top++;
	if (end > 4) {
		end--;
		if (v->is_typing)
			draw_prompt(m, c, end);
		else
			draw_keys(v, c, end);
	}
	if (end > 3 && v->page != PAGE_HELP)
		draw_state(v, m, c, top++);
	pages[v->page](v, m, c, top, end);
}
