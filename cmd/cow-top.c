/*
 * cow top: what containers cost, live.
 *
 * A program of its own because of ncurses. Each reading (top/read.c) feeds the model (top/model.h),
 * which knows rows, order, filter and history; a page (top/view.h) draws it on a canvas
 * (top/canvas.h), and the screen (top/screen.h) shows that on the terminal.
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cmd/libexec.h"
#include "cmd/top/live.h"

struct top_words {
	bool batch, reversed;
	const char *delay, *sort, *filter;
	struct opt_u64 count;
	struct measured_words measured;
};

static const struct option_row options[] = {
	{ "delay", 'd', OPTION_TEXT, offsetof(struct top_words, delay), "SECONDS",
		"read so often (3); at least 0.1" },
	{ "count", 'n', OPTION_UNSIGNED, offsetof(struct top_words, count), "COUNT",
		"end after so many readings" },
	{ "batch", 'b', OPTION_FLAG, offsetof(struct top_words, batch), NULL,
		"print text instead, for scripts" },
	{ "sort", 'o', OPTION_TEXT, offsetof(struct top_words, sort), "COLUMN",
		"order by it: cost is the usual one" },
	{ "reverse", 'r', OPTION_FLAG, offsetof(struct top_words, reversed), NULL,
		"the other way around" },
	{ "filter", 'f', OPTION_TEXT, offsetof(struct top_words, filter), "TEXT",
		"only those with TEXT in their name" },
	MEASURED_LIVE_ROWS(struct top_words, measured),
	MEASURED_ALL_ROW(struct top_words, measured),
	{ 0 },
};

/* "3", "0.5": milliseconds; false below 0.1 seconds and above an hour. */
static bool to_ms(const char *text, int *ret)
{
	char *end;
	size_t digits = strspn(text, "0123456789.");

	if (!digits || text[digits] || text[0] == '.')
		return false;
	double seconds = strtod(text, &end);
	if (*end || seconds < 0.1 || seconds > 3600)
		return false;
	*ret = (int)(seconds * 1000 + 0.5);
	return true;
}

static int read_words(const struct top_words *w, struct top *t, struct model *m, struct err *e)
{
	char words[160];
	int column = w->sort ? column_find(w->sort) : COLUMN_COST;

	if (w->delay && !to_ms(w->delay, &t->interval_ms))
		return err_say(e, ERR_USAGE, "delay '%s': not a number of seconds from 0.1 to 3600",
			w->delay);
	if (column < 0)
		return err_say(
			e, ERR_USAGE, "no column '%s' (hint: %s)", w->sort, column_words(words));
	if (w->filter && strlen(w->filter) >= MODEL_FILTER_MAX)
		return err_say(e, ERR_USAGE, "filter '%s': longer than %d bytes", w->filter,
			MODEL_FILTER_MAX - 1);
	m->sorted = (enum column_id)column;
	m->reversed = w->reversed;
	model_filter(m, w->filter ? w->filter : "");
	t->words = w->measured;
	t->n_readings = w->count.set ? w->count.value : 0;
	return 0;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct top_words *w = data;
	struct top t = {
		.context = c, .names = argv, .n_names = (size_t)argc, .interval_ms = 3000
	};
	automatic(model) struct model m = { 0 };
	int r = read_words(w, &t, &m, e);

	if (r < 0)
		return r;
	setlocale(LC_CTYPE, "");
	return w->batch ? top_batch(&t, &m, e) : top_live(&t, &m, e);
}

static const struct command top_command = {
	.name = "top",
	.arguments = "[options] [NAME ...]",
	.summary = "Shows what containers cost in memory, live.",
	.options = options,
	.options_size = sizeof(struct top_words),
	.max_words = -1,
	.mixed = true,
	.run = run,
};

static const struct command *const commands[] = { &top_command, NULL };

int main(int argc, char **argv)
{
	return libexec_main("Shows what containers cost, live.", commands, argc, argv);
}
