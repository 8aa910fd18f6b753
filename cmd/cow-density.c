/*
 * cow-density: the lab of `cow density`, in a program of its own: it forks a lot, and is small.
 *
 *	cow-density [--store DIR] [--root DIR] density [options] EXPERIMENT.json
 */
#include "cmd/density/density.h"
#include "cmd/libexec.h"

static const struct command *const commands[] = { &density_command, NULL };

int main(int argc, char **argv)
{
	return libexec_main("Measures density.", commands, argc, argv);
}
