/*
 * cow mem: what containers cost, and what they share.
 *
 * A program of its own because of libcgroup, which finds the v1 hierarchies and is not for static
 * programs.
 */
#include <unistd.h>

#include "cmd/libexec.h"
#include "cmd/measured.h"
#include "cmd/mem.h"
#include "spec/base/log.h"

struct mem_words {
	bool json, csv, matrix, legend;
	int by; /* enum mem_by */
	const char *html;
	struct measured_words measured;
};

static const struct option_row options[] = {
	{ "matrix", 0, OPTION_FLAG, offsetof(struct mem_words, matrix), NULL,
		"who shares how much with whom" },
	{ "by", 0, OPTION_CHOICE, offsetof(struct mem_words, by), MEM_BY_WORDS,
		"a row for each of these" },
	{ "json", 0, OPTION_FLAG, offsetof(struct mem_words, json), NULL, "for programs; bytes" },
	{ "csv", 0, OPTION_FLAG, offsetof(struct mem_words, csv), NULL,
		"for spreadsheets; bytes, the same words" },
	{ "html", 0, OPTION_TEXT, offsetof(struct mem_words, html), "FILE",
		"a page for a browser; '-': the standard output" },
	{ "legend", 0, OPTION_FLAG, offsetof(struct mem_words, legend), NULL,
		"what the words mean" },
	MEASURED_ROWS(struct mem_words, measured),
	MEASURED_ALL_ROW(struct mem_words, measured),
	{ 0 },
};

static int print(struct census *census, const struct mem_words *w, struct err *e)
{
	bool terminal = isatty(1);

	if (w->html)
		return mem_save_page(w->html, census, e);
	if (w->json)
		return mem_print_json(stdout, census, e);
	if (w->csv)
		return mem_print_csv(stdout, census, (enum mem_by)w->by, e);
	int r = mem_print_by(stdout, census, (enum mem_by)w->by, terminal, e);
	if (r == 0 && w->matrix) {
		putchar('\n');
		r = mem_print_matrix(stdout, census, terminal, e);
	}
	return r;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(measured) struct measured m = { 0 };
	automatic(census) struct census census = { 0 };
	const struct mem_words *w = data;

	if (w->legend) {
		mem_print_legend(stdout);
		return 0;
	}
	int r = measured_open_any(&m, c, &w->measured, argv, (size_t)argc, e);
	if (r == 0 && m.n_without_cache)
		log_warn("%s: it is not in the cost of %zu container%s", m.without_cache.text,
			m.n_without_cache, m.n_without_cache == 1 ? "" : "s");
	if (r == 0)
		r = measured_take(&m,
			w->html ? CENSUS_PROCESSES | CENSUS_FILES | MEASURED_LAYERS
				: mem_details((enum mem_by)w->by),
			&census, e);
	return r < 0 ? r : print(&census, w, e);
}

static const struct command mem_command = {
	.name = "mem",
	.arguments = "[options] [NAME ...]",
	.summary = "Tells what containers cost in memory, and who shares with whom.",
	.options = options,
	.options_size = sizeof(struct mem_words),
	.max_words = -1,
	.mixed = true,
	.run = run,
};

static const struct command *const commands[] = { &mem_command, NULL };

int main(int argc, char **argv)
{
	return libexec_main("Tells what containers cost.", commands, argc, argv);
}
