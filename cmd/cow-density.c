/*
 * cow-density: the lab of `cow density`, in a program of its own: it forks a lot, and is small.
 *
 *	cow-density [--store DIR] [--root DIR] density [options] EXPERIMENT.json
 */
#include "cmd/density/density.h"

static const struct command *const commands[] = { &density_command, NULL };

static const struct option_row options[] = {
	{ "root", 0, OPTION_TEXT, offsetof(struct context, root), "DIR", "the state root" },
	{ "store", 0, OPTION_TEXT, offsetof(struct context, store), "DIR", "the store" },
	{ 0 },
};

int main(int argc, char **argv)
{
	static const struct program program = { "cow", "Measures density.", options, commands, NULL,
		.has_store = true, .unknown_status = 1 };
	struct context context = { 0 };

	return program_main(&program, &context, argc, argv);
}
