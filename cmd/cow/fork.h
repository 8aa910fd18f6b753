/* Containers that are forked from a template: what `fork` and `run --template` have in common. */
#ifndef CMD_COW_FORK_H
#define CMD_COW_FORK_H

#include "cmd/commands.h"
#include "cmd/cow/wishes.h"

struct fork_wish {
	const char *template;
	int argc; /* its words; none: the template's own */
	char **argv;
	int count;
	bool shown; /* in the foreground: it has our standard streams, and its status is ours */
	bool interactive; /* then: our standard input, too */
	bool tty;	  /* ... or a terminal, shown on them */
};

/* Prints the names, or (shown) returns the status of the one. */
int fork_run(struct context *c, const struct wish_words *words, const struct fork_wish *wish,
	struct err *e);

#endif
