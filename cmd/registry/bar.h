/*
 * How far several things are: on a terminal a line with a bar for each that is on its way, above
 * them a line for each that is done; else only the latter.
 */
#ifndef CMD_REGISTRY_BAR_H
#define CMD_REGISTRY_BAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BAR_LINES 8 /* at most */

struct bar_line {
	const char *what;
	uint64_t done, total;
};

struct bars {
	bool quiet, terminal;
	size_t shown;	  /* lines that stand on the terminal */
	int64_t drawn_ms; /* when */
};

/* On standard error. */
void bars_begin(struct bars *b, bool quiet);

/* The lines as they are now; not more often than is worth while. */
void bars_draw(struct bars *b, const struct bar_line *lines, size_t n);

/* A line that stays. */
void bars_say(struct bars *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes the bars away, before anything else is printed. */
void bars_clear(struct bars *b);

#endif
