/* Lines of a file of /proc, without a libc. */
#ifndef RUNTIME_TEMPLATE_LINES_H
#define RUNTIME_TEMPLATE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is longer loses its middle: the beginning and the end of a line of maps tell the most. */
#define LINE_MAX_BYTES 512

struct lines {
	int fd;
	char end; /* '\n', or '\0' */
	size_t at, n;
	char buffer[16384];
	char line[LINE_MAX_BYTES];
};

/* 0, or -errno. */
int lines_open(struct lines *l, const char *path, char end);
/* The next, without its end; NULL: there is none. */
const char *lines_next(struct lines *l);
void lines_close(struct lines *l);

/* The number at *s, in base 10 or 16; *s is behind it then, and behind the spaces that follow. */
uint64_t lines_number(const char **s, unsigned base);

#endif
