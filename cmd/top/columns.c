/* The columns of the list. */
#include "cmd/top/columns.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cmd/top/canvas.h"

#define BYTES 9 /* VIEW_BYTES_WIDTH */
#define GAP 1
#define NAME_MOST 40

static struct opt_u64 processes(const struct memory_usage *u)
{
	return (struct opt_u64){ true, u->processes };
}

/* What no machine has is no limit. */
static struct opt_u64 limit(const struct memory_usage *u)
{
	return u->limit.set && u->limit.value < UINT64_MAX >> 1 ? u->limit : (struct opt_u64){ 0 };
}

#define FIGURE(member)                                                                             \
	static struct opt_u64 member(const struct memory_usage *u)                                 \
	{                                                                                          \
		return u->member;                                                                  \
	}

FIGURE(unique)
FIGURE(private)
FIGURE(shared)
FIGURE(kernel)
FIGURE(cost)
FIGURE(charged)
FIGURE(swap)

const struct column columns[N_COLUMNS] = {
	[COLUMN_NAME] = { "CONTAINER", "name", 'N', 13, NAME_MOST, 0, NULL, "its name" },
	[COLUMN_PROCESSES] = { "PROCS", "processes", 'T', 6, 0, 5, processes,
		"processes that were measured" },
	[COLUMN_UNIQUE] = { "UNIQUE", "unique", 'U', BYTES, 0, 3, unique,
		"pages that its processes map, each once" },
	[COLUMN_PRIVATE] = { "PRIVATE", "private", 'P', BYTES, 0, 1, private,
		"of these, mapped by nobody else: what its end frees" },
	[COLUMN_SHARED] = { "SHARED", "shared", 'S', BYTES, 0, 4, shared,
		"of these, mapped by others too" },
	[COLUMN_KERNEL] = { "KERNEL", "kernel", 'K', BYTES, 0, 6, kernel,
		"page tables, kernel stacks, other kernel memory" },
	[COLUMN_COST] = { "COST", "cost", 'C', BYTES, 0, 2, cost,
		"private + kernel + unmapped cache + its monitor" },
	[COLUMN_CHARGED] = { "CHARGED", "charged", 'B', BYTES, 0, 8, charged,
		"the memory controller's bill: first toucher pays" },
	[COLUMN_LIMIT] = { "LIMIT", "limit", 'L', BYTES, 0, 9, limit, "what it may be charged" },
	[COLUMN_SWAP] = { "SWAP", "swap", 'W', BYTES, 0, 10, swap, "what of it is swapped out" },
	[COLUMN_BAR] = { "MAPPED", NULL, 0, 12, 24, 11, NULL,
		"unique to scale: private, then shared" },
	[COLUMN_TREND] = { "TREND", NULL, 0, 7, 24, 7, NULL, "private memory, reading by reading" },
	[COLUMN_WITH] = { "WITH", NULL, 0, 16, 40, 12, NULL, "who shares most of it" },
};

int column_find(const char *word)
{
	for (int i = 0; i < N_COLUMNS; i++)
		if (columns[i].word && strcasecmp(columns[i].word, word) == 0)
			return i;
	return -1;
}

int column_of_key(int key)
{
	for (int i = 0; i < N_COLUMNS; i++)
		if (columns[i].key && columns[i].key == key)
			return i;
	return -1;
}

const char *column_words(char out[160])
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < N_COLUMNS && n < 160; i++)
		if (columns[i].word)
			n += (size_t)snprintf(
				out + n, 160 - n, "%s%s", n ? ", " : "", columns[i].word);
	return out;
}

static bool has_figure(const struct census *c, const struct column *column)
{
	if (!column->figure)
		return true;
	for (size_t i = 0; i < c->n_usages; i++)
		if (column->figure(&c->usages[i]).value)
			return true;
	return false;
}

static int name_width(const struct census *c)
{
	int most = 0;

	for (size_t i = 0; i < c->n_usages; i++) {
		int width = canvas_width(c->usages[i].name);
		most = width > most ? width : most;
	}
	return most < NAME_MOST ? most : NAME_MOST;
}

/* As wide as it may be, as far as there is room. */
static void widen(enum column_id id, int most, const bool *shown, int *widths, int *room)
{
	int more = most - widths[id] < *room ? most - widths[id] : *room;

	if (!shown[id] || more <= 0)
		return;
	widths[id] += more;
	*room -= more;
}

/* The one that is worth most of those that are not shown and fit; -1: none. */
static int next_column(
	const struct census *c, enum column_id sorted, const bool *shown, int last_rank, int room)
{
	int best = -1, rank = last_rank + 1;

	for (int id = 0; id < N_COLUMNS; id++) {
		int now = id == (int)sorted ? 0 : columns[id].rank;
		bool empty = id != (int)sorted && !has_figure(c, &columns[id]);
		if (!shown[id] && !empty && columns[id].width + GAP <= room && now < rank)
			best = id, rank = now;
	}
	return best;
}

static void add_columns(
	const struct census *c, enum column_id sorted, bool *shown, int last_rank, int *room)
{
	for (int id; (id = next_column(c, sorted, shown, last_rank, *room)) >= 0;) {
		shown[id] = true;
		*room -= columns[id].width + GAP;
	}
}

/* Figures first, then whole names, as nobody knows what was cut off; what is left is for graphs. */
size_t columns_place(const struct census *c, enum column_id sorted, int width,
	struct column_place places[N_COLUMNS])
{
	static const enum column_id growing[] = { COLUMN_WITH, COLUMN_TREND, COLUMN_BAR };
	bool shown[N_COLUMNS] = { [COLUMN_NAME] = true };
	int widths[N_COLUMNS], room = width - columns[COLUMN_NAME].width, at = 0;
	size_t n = 0;

	for (size_t i = 0; i < N_COLUMNS; i++)
		widths[i] = columns[i].width;
	if (room < 0)
		widths[COLUMN_NAME] += room;
	add_columns(c, sorted, shown, columns[COLUMN_SWAP].rank, &room);
	widen(COLUMN_NAME, name_width(c), shown, widths, &room);
	add_columns(c, sorted, shown, columns[COLUMN_WITH].rank, &room);
	for (size_t i = 0; i < sizeof(growing) / sizeof(growing[0]); i++)
		widen(growing[i], columns[growing[i]].most, shown, widths, &room);
	for (size_t i = 0; i < N_COLUMNS; i++) {
		if (!shown[i] || widths[i] <= 0)
			continue;
		places[n++] = (struct column_place){ (enum column_id)i, at, widths[i] };
		at += widths[i] + GAP;
	}
	return n;
}

int column_compare(enum column_id id, bool reversed, const struct memory_usage *a,
	const struct memory_usage *b)
{
	int order = 0;

	if (columns[id].figure) {
		struct opt_u64 x = columns[id].figure(a), y = columns[id].figure(b);
		if (x.set != y.set)
			return x.set ? -1 : 1;
		order = (x.value < y.value) - (x.value > y.value);
	} else {
		order = strcmp(a->name, b->name);
	}
	return reversed ? -order : order;
}
