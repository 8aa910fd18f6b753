/* How far several things are. */
#include "cmd/registry/bar.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "spec/base/clock.h"
#include "spec/base/str.h"

#define CELLS 30
#define INTERVAL_MS 100
#define LINE_MAX_LENGTH 79

/* A terminal that cannot move up in gets lines only. */
void bars_begin(struct bars *b, bool quiet)
{
	const char *term = getenv("TERM");

	*b = (struct bars){ .quiet = quiet };
	b->terminal = !quiet && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

/* Never as wide as the terminal: a line that is broken would not be taken away whole. */
static int width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 ||
		size.ws_col > LINE_MAX_LENGTH)
		return LINE_MAX_LENGTH;
	return size.ws_col - 1;
}

static void draw_line(const struct bar_line *l, int columns)
{
	char cells[CELLS + 1], done[16], total[16], line[160];
	uint64_t part = l->total ? l->done * 100 / l->total : 100;
	size_t full = (size_t)(part * CELLS / 100);

	for (size_t i = 0; i < CELLS; i++)
		cells[i] = i < full ? '#' : '.';
	cells[CELLS] = '\0';
	str_human(l->done, done);
	str_human(l->total, total);
	snprintf(line, sizeof(line), "%-14.14s %s %3u %% %10s of %10s", l->what, cells,
		(unsigned)part, done, total);
	fprintf(stderr, "\033[2K%.*s\n", columns, line);
}

void bars_clear(struct bars *b)
{
	if (b->shown)
		fprintf(stderr, "\033[%zuA\033[J", b->shown);
	b->shown = 0;
}

void bars_draw(struct bars *b, const struct bar_line *lines, size_t n)
{
	int64_t now = clock_ms();

	if (!b->terminal || (b->shown && now - b->drawn_ms < INTERVAL_MS))
		return;
	bars_clear(b);
	b->drawn_ms = now;
	b->shown = n < BAR_LINES ? n : BAR_LINES;
	int columns = width();
	for (size_t i = 0; i < b->shown; i++)
		draw_line(&lines[i], columns);
}

void bars_say(struct bars *b, const char *format, ...)
{
	va_list args;

	if (b->quiet)
		return;
	bars_clear(b);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
