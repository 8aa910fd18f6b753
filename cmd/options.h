/*
 * Command lines by tables: one row an option, read here, and printed by --help from the same rows.
 *
 * Both spellings of runc and docker are taken: `--name value`, `--name=value`, `-n value`,
 * `-nvalue`, flags with a value (`--rootless=true`), and long names behind one dash
 * (`-no-subreaper`, which containerd writes). Options end at the first word that is none, or at
 * `--`.
 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "spec/base/err.h"

enum option_kind {
	OPTION_END = 0,
	OPTION_FLAG,	 /* bool */
	OPTION_SWITCH,	 /* struct opt_bool: a flag that may be on unless it is said to be off */
	OPTION_TEXT,	 /* const char * */
	OPTION_LIST,	 /* struct option_list: may be given again */
	OPTION_COUNT,	 /* int, 0 or more */
	OPTION_CHOICE,	 /* int: 1 for the first of the words in .value ("text|json"), 2, ... */
	OPTION_BYTES,	 /* struct opt_i64: 64m; -1 unlimited */
	OPTION_SIGNED,	 /* struct opt_i64: 0 or more, or -1 */
	OPTION_UNSIGNED, /* struct opt_u64 */
	OPTION_IGNORED,	 /* taken with a value and without effect */
	OPTION_IGNORED_FLAG,
};

struct option_list {
	char **v; /* words of the command line: borrowed */
	size_t n;
};

struct option_row {
	const char *name; /* without dashes */
	char letter;	  /* 0: none */
	enum option_kind kind;
	size_t offset;
	const char *value; /* what --help calls it: "FILE" */
	const char *help;  /* NULL: not shown */
};

/*
 * Fills `into` and returns how many words were taken, or -ERR_USAGE. `ret_help`: --help or -h was
 * among them (if the table has neither itself), and nothing else matters.
 */
int options_parse(const struct option_row *rows, int argc, char **argv, void *into, bool *ret_help,
	struct err *e);

/* Frees the lists; of options that were parsed, wholly or not. */
void options_done(const struct option_row *rows, void *into);

void options_print(FILE *to, const struct option_row *rows);

#endif
