/* cow mem: what containers cost, and what they share. */
#include <unistd.h>

#include "cmd/cow/commands.h"
#include "cmd/measured.h"
#include "cmd/mem.h"

struct mem_words {
	bool json, matrix, legend;
	struct measured_words measured;
};

static const struct option_row options[] = {
	{ "matrix", 0, OPTION_FLAG, offsetof(struct mem_words, matrix), NULL,
		"who shares how much with whom" },
	{ "json", 0, OPTION_FLAG, offsetof(struct mem_words, json), NULL, "for programs; bytes" },
	{ "legend", 0, OPTION_FLAG, offsetof(struct mem_words, legend), NULL,
		"what the words mean" },
	MEASURED_ROWS(struct mem_words, measured),
	{ 0 },
};

static int print(struct census *census, const struct mem_words *w, struct err *e)
{
	bool terminal = isatty(1);

	if (w->json)
		return mem_print_json(stdout, census, e);
	int r = census_rank(census, e);
	if (r == 0)
		r = mem_print_table(stdout, census, terminal, e);
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
	int r = measured_open(&m, c, &w->measured, argv, (size_t)argc, e);
	if (r == 0)
		r = measured_take(&m, 0, &census, e);
	return r < 0 ? r : print(&census, w, e);
}

const struct command mem_command = {
	.name = "mem",
	.arguments = "[options] [NAME ...]",
	.summary = "Tells what containers cost in memory, and who shares with whom.",
	.options = options,
	.options_size = sizeof(struct mem_words),
	.max_words = -1,
	.mixed = true,
	.run = run,
};
