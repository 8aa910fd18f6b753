/* Lines of a file of /proc. */
#include <fcntl.h>

#include "runtime/init/sys.h"
#include "runtime/init/text.h"
#include "runtime/template/lines.h"

int lines_open(struct lines *l, const char *path, char end)
{
	long fd = sys(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

	l->fd = (int)fd;
	l->end = end;
	l->at = l->n = 0;
	return fd < 0 ? (int)fd : 0;
}

void lines_close(struct lines *l)
{
	if (l->fd >= 0)
		sys(close, l->fd);
	l->fd = -1;
}

/* False: no more. */
static bool next_byte(struct lines *l, char *ret)
{
	if (l->at == l->n) {
		long n;

		do
			n = sys(read, l->fd, l->buffer, sizeof(l->buffer));
		while (n == -EINTR);
		if (n <= 0)
			return false;
		l->at = 0;
		l->n = (size_t)n;
	}
	*ret = l->buffer[l->at++];
	return true;
}

const char *lines_next(struct lines *l)
{
	const size_t half = sizeof(l->line) / 2;
	size_t n = 0;
	char byte;

	while (next_byte(l, &byte)) {
		if (byte == l->end) {
			l->line[n] = '\0';
			return l->line;
		}
		if (n + 1 == sizeof(l->line)) {
			for (size_t i = half; i < n - half / 2; i++)
				l->line[i] = l->line[i + half / 2];
			n -= half / 2;
		}
		l->line[n++] = byte;
	}
	return NULL;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

uint64_t lines_number(const char **s, unsigned base)
{
	uint64_t n = 0;

	for (; digit(**s) < (int)base; (*s)++)
		n = n * base + (unsigned)digit(**s);
	while (**s == ' ')
		(*s)++;
	return n;
}
