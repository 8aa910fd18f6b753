/* One container: its figures, how they went, of what kind its memory is, with whom it shares, its processes. */
#include "cmd/top/graph.h"
#include "cmd/mem.h"
#include "cmd/top/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/str.h"

#define FIGURE_WIDTH 19 /* "private  1023.9 MiB" and a space */
#define BYTES_WIDTH (VIEW_BYTES_WIDTH + 1)

static const char *bytes_text(uint64_t bytes, char out[20])
{
	return view_bytes((struct opt_u64){ true, bytes }, false, out);
}

/* A piece of the canvas that a part of the page may draw in. */
struct area {
	int row, column, height, width;
};

static void put_heading(struct canvas *c, const struct area *a, const char *text)
{
	canvas_put(c, a->row, a->column, a->width, LOOK_BOLD, text);
}

/* "and 5 more", in the last line of what has no room for all. */
static void put_more(struct canvas *c, const struct area *a, size_t n)
{
	canvas_putf(c, a->row + a->height - 1, a->column, a->width, LOOK_DIM, "and %zu more", n);
}

/* The figures side by side, as many as fit; how many rows that took. */
static int draw_figures(
	const struct model *m, const struct memory_usage *u, struct canvas *c, int top, int end)
{
	static const enum column_id shown[] = { COLUMN_UNIQUE, COLUMN_PRIVATE, COLUMN_SHARED,
		COLUMN_COST, COLUMN_KERNEL, COLUMN_CHARGED, COLUMN_LIMIT, COLUMN_SWAP };
	int n = sizeof(shown) / sizeof(shown[0]);
	int across = (c->n_columns - 1) / FIGURE_WIDTH;
	char text[20];

	across = across < 1 ? 1 : across > n ? n : across;
	across = across > n / 2 && across < n ? n / 2 : across;
	int each = (c->n_columns - 2) / across;
	for (int i = 0; i < n && top + i / across < end; i++) {
		int row = top + i / across, at = 1 + i % across * each;
		const struct column *column = &columns[shown[i]];
		bool ours = shown[i] != COLUMN_CHARGED && shown[i] != COLUMN_LIMIT;
		canvas_put(c, row, at, 8, LOOK_DIM, column->word);
		canvas_put_right(c, row, at + 8, BYTES_WIDTH, LOOK_BOLD,
			view_bytes(column->figure(u), m->census.estimated && ours, text));
	}
	return (n + across - 1) / across;
}

/* "private  <line>  2.9 MiB to 3.4 MiB": from the least to the most that there was */
static void draw_trend(
	struct canvas *c, int row, const char *name, unsigned look, const uint64_t *v, size_t n)
{
	char low_text[16], high_text[16], range[48];
	uint64_t low, high;

	history_range(v, n, &low, &high);
	if (!n)
		return;
	if (low == high)
		snprintf(range, sizeof(range), "always %s", str_human(low, low_text));
	else
		snprintf(range, sizeof(range), "%s to %s", str_human(low, low_text),
			str_human(high, high_text));
	int width = c->n_columns - 2 - 9 - 26;
	canvas_put(c, row, 1, 8, LOOK_DIM, name);
	if (width >= 8) {
		width = width > HISTORY_ROOM ? HISTORY_ROOM : width;
		spark_put(c, row, 10, width, look, v, n, low, high);
		canvas_put(c, row, 10 + width + 2, 24, LOOK_PLAIN, range);
	} else {
		canvas_put(c, row, 10, c->n_columns - 11, LOOK_PLAIN, range);
	}
}

/* --- of what kind it is ------------------------------------------------------------------------ */
static void draw_kinds(const struct memory_usage *u, struct canvas *c, const struct area *a)
{
	char text[20];

	if (a->height < 2)
		return;
	put_heading(c, a, "KIND");
	canvas_put_right(c, a->row, a->column + 10, BYTES_WIDTH, LOOK_BOLD, "PRIVATE");
	canvas_put_right(c, a->row, a->column + 20, BYTES_WIDTH, LOOK_BOLD, "SHARED");
	if (!u->kinds)
		canvas_put(c, a->row + 1, a->column, a->width, LOOK_DIM, "not known");
	for (int i = 0; u->kinds && i < MEM_KINDS && i + 1 < a->height; i++) {
		const struct memory_kind *kind =
			(const void *)((const char *)u->kinds + mem_kinds[i].offset);
		unsigned look = kind->private_bytes || kind->shared_bytes ? LOOK_PLAIN : LOOK_DIM;
		int row = a->row + 1 + i;
		canvas_put(c, row, a->column, 10, look, mem_kinds[i].name);
		canvas_put_right(c, row, a->column + 10, BYTES_WIDTH, look,
			bytes_text(kind->private_bytes, text));
		canvas_put_right(c, row, a->column + 20, BYTES_WIDTH, look,
			bytes_text(kind->shared_bytes, text));
	}
}

/* --- with whom it shares ------------------------------------------------------------------------ */
static void draw_partner(struct canvas *c, const struct area *a, int row,
	const struct memory_usage *u, const struct partner *p, int name_width)
{
	struct bar_part part = bar_shared;
	int at = a->column + name_width, bar = a->width - name_width - BYTES_WIDTH - 1 - 6;
	char text[20];

	part.value = p->bytes;
	canvas_put(c, row, a->column, name_width, LOOK_PLAIN, p->name);
	canvas_put_right(c, row, at, BYTES_WIDTH, LOOK_PLAIN, bytes_text(p->bytes, text));
	if (bar < 4 || !u->unique.value)
		return;
	bar_put(c, row, at + BYTES_WIDTH + 1, bar, u->unique.value, &part, 1);
	snprintf(text, sizeof(text), "%.0f %%", 100.0 * (double)p->bytes / (double)u->unique.value);
	canvas_put_right(c, row, at + BYTES_WIDTH + 1 + bar, 6, LOOK_DIM, text);
}

static void draw_partners(const struct census *census, size_t usage, const struct partner *v,
	size_t n, struct canvas *c, const struct area *a)
{
	size_t room = a->height > 1 ? (size_t)a->height - 1 : 0;
	size_t shown = n > room ? room - 1 : n;
	int widest = 6;

	if (!room)
		return;
	for (size_t i = 0; i < shown; i++)
		widest = canvas_width(v[i].name) > widest ? canvas_width(v[i].name) : widest;
	int most = a->width - BYTES_WIDTH - 1 - 6 - 10;
	int name_width = widest < most ? widest : most > 6 ? most : 6;
	put_heading(c, a, "SHARES WITH");
	if (n && a->width > 40 && census->usages[usage].unique.value)
		canvas_put_right(
			c, a->row, a->column + 12, a->width - 12, LOOK_DIM, "of all that it maps");
	if (!n)
		canvas_put(c, a->row + 1, a->column, a->width, LOOK_DIM,
			census->estimated ? "not known" : "nobody");
	for (size_t i = 0; i < shown; i++)
		draw_partner(c, a, a->row + 1 + (int)i, &census->usages[usage], &v[i], name_width);
	if (shown < n)
		put_more(c, a, n - shown);
}

/* --- its processes -------------------------------------------------------------------------------- */
static int most_private_first(const void *a, const void *b)
{
	const struct census_process *x = *(const struct census_process *const *)a,
				    *y = *(const struct census_process *const *)b;

	if (x->private.value != y->private.value)
		return x->private.value > y->private.value ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static const struct census_process **sorted_processes(
	const struct census *census, size_t usage, size_t *ret_n)
{
	const struct census_process **v = calloc(census->n_processes + 1, sizeof(void *));

	*ret_n = 0;
	for (size_t i = 0; v && i < census->n_processes; i++)
		if (census->processes[i].thing == usage)
			v[(*ret_n)++] = &census->processes[i];
	if (*ret_n > 1)
		qsort(v, *ret_n, sizeof(void *), most_private_first);
	return v;
}

static const struct {
	const char *name;
	size_t offset; /* of a struct opt_u64 */
} process_figures[] = {
	{ "UNIQUE", offsetof(struct census_process, unique) },
	{ "PRIVATE", offsetof(struct census_process, private) },
	{ "SHARED", offsetof(struct census_process, shared) },
	{ "SWAP", offsetof(struct census_process, swap) },
	{ "TABLES", offsetof(struct census_process, page_tables) },
};

#define N_PROCESS_FIGURES ((int)(sizeof(process_figures) / sizeof(process_figures[0])))
#define PID_WIDTH 8
#define COMMAND_LEAST 16

/* NULL: the heading. */
static void draw_process(
	struct canvas *c, const struct area *a, int row, const struct census_process *p)
{
	int room = a->width - PID_WIDTH - COMMAND_LEAST - 2, at = a->column + PID_WIDTH;
	char text[20];

	snprintf(text, sizeof(text), "%d", p ? (int)p->pid : 0);
	unsigned look = p ? LOOK_PLAIN : LOOK_BOLD;
	canvas_put_right(c, row, a->column, PID_WIDTH, look, p ? text : "PID");
	for (int i = 0; i < N_PROCESS_FIGURES && room >= BYTES_WIDTH; i++) {
		const struct opt_u64 *figure =
			p ? (const void *)((const char *)p + process_figures[i].offset) : NULL;
		canvas_put_right(c, row, at, BYTES_WIDTH, look,
			figure ? view_bytes(*figure, false, text) : process_figures[i].name);
		at += BYTES_WIDTH;
		room -= BYTES_WIDTH;
	}
	at += 2;
	canvas_put(c, row, at, a->column + a->width - at, look, p ? p->command : "COMMAND");
}

static void draw_processes(
	struct view *v, const struct model *m, size_t usage, struct canvas *c, const struct area *a)
{
	size_t n;

	if (a->height < 2)
		return;
	autofree const struct census_process **processes = sorted_processes(&m->census, usage, &n);
	v->n_shown = (size_t)a->height - 1;
	if (v->first + v->n_shown > n)
		v->first = n > v->n_shown ? n - v->n_shown : 0;
	draw_process(c, a, a->row, NULL);
	for (size_t i = 0; processes && i < v->n_shown && v->first + i < n; i++)
		draw_process(c, a, a->row + 1 + (int)i, processes[v->first + i]);
	if (!n)
		canvas_put(c, a->row + 1, a->column + PID_WIDTH, a->width - PID_WIDTH, LOOK_DIM,
			"not told");
}

/*
 * Kinds and partners side by side where there is room, else one below the other; the processes get
 * what is left, and at least a few lines before the others get more.
 */
static void draw_parts(
	struct view *v, const struct model *m, size_t usage, struct canvas *c, int top, int end)
{
	autofree struct partner *partners = NULL;
	size_t n = 0;
	const struct memory_usage *u = &m->census.usages[usage];
	bool beside = c->n_columns >= 76;
	int room = end - top, width = c->n_columns - 2, least = room / 3;

	if (model_partners(&m->census, usage, &partners, &n) < 0)
		return;
	int wanted = beside && MEM_KINDS > (int)n ? MEM_KINDS + 1 : (int)(n < 8 ? n : 8) + 1;
	wanted = wanted < 2 ? 2 : wanted;
	int height = wanted < room - least ? wanted : room - least;
	struct area with = { top, beside ? 35 : 1, height, beside ? width - 34 : width };
	struct area kind = { top, 1, beside ? height : 0, beside ? 32 : width };
	int used = height + 1;
	if (!beside && room - used - least > MEM_KINDS) {
		kind.row = top + used;
		kind.height = MEM_KINDS + 1;
		used += kind.height + 1;
	}
	draw_kinds(u, c, &kind);
	draw_partners(&m->census, usage, partners, n, c, &with);
	struct area rest = { top + used, 1, room - used, width };
	draw_processes(v, m, usage, c, &rest);
}

void view_detail(struct view *v, const struct model *m, struct canvas *c, int top, int end)
{
	const struct memory_usage *u = model_chosen(m);

	v->n_shown = 0;
	if (!u) {
		canvas_put(c, top, 1, c->n_columns - 2, LOOK_DIM, "It has gone.");
		return;
	}
	const struct history *h = histories_find(&m->histories, u->id);
	bool roomy = end - top > 16;
	top += draw_figures(m, u, c, top, end);
	if (u->private.set && u->shared.set && top < end) {
		struct bar_part parts[] = { bar_private, bar_shared };
		parts[0].value = u->private.value;
		parts[1].value = u->shared.value;
		bar_put(c, top++, 1, c->n_columns - 2, u->unique.value, parts, 2);
	}
	top += roomy;
	if (h && top + 1 < end) {
		draw_trend(c, top++, "private", LOOK_PRIVATE, h->private, h->n);
		draw_trend(c, top++, "unique", LOOK_SHARED, h->unique, h->n);
	}
	top += roomy;
	if (top < end)
		draw_parts(v, m, m->rows[m->at], c, top, end);
}
