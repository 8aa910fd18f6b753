/* Output into logs, in the lines of cmd/cow/monitor.h. */
#include "cmd/reaper/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/cow/stamp.h"

enum {
	LINE_BYTES = 1024, /* what is longer is logged in parts */
	READ_BYTES = 16384,
};

/* One write() each: a line is in the log whole or not at all. A full disk loses lines. */
static void log_line(const struct stream *s, const char *text, size_t n, bool whole)
{
	static char line[LINE_BYTES + 64];
	struct timespec now = { 0 };
	ssize_t done;

	if (s->log < 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	char *at = stamp_text(stamp_time(line, &now), " ");
	at = stamp_text(stamp_text(at, s->name), whole ? " F " : " P ");
	memcpy(at, text, n);
	at += n;
	*at++ = '\n';
	do
		done = write(s->log, line, (size_t)(at - line));
	while (done < 0 && errno == EINTR);
}

/* What is left is a line without an end, shorter than LINE_BYTES. */
static size_t log_lines(const struct stream *s, const char *text, size_t n)
{
	while (n) {
		const char *end = memchr(text, '\n', n < LINE_BYTES ? n : LINE_BYTES);
		if (!end && n < LINE_BYTES)
			break;
		size_t len = end ? (size_t)(end - text) : LINE_BYTES;
		log_line(s, text, len, end);
		len += end ? 1 : 0;
		text += len;
		n -= len;
	}
	return n;
}

/* Without memory for it a line is logged in parts. */
static void keep_rest(struct stream *s, const char *rest, size_t n)
{
	if (n && !s->line)
		s->line = malloc(LINE_BYTES);
	if (!n || !s->line) {
		if (n)
			log_line(s, rest, n, false);
		free(s->line);
		s->line = NULL;
		n = 0;
	} else
		memcpy(s->line, rest, n);
	s->len = n;
}

/* Up to `most` bytes: how many; 0 at the end, -errno. */
static ssize_t take_in(struct stream *s, size_t most)
{
	static char text[LINE_BYTES + READ_BYTES];
	size_t before = s->len;
	ssize_t n = read(s->source.fd, text + before, most < READ_BYTES ? most : READ_BYTES);

	if (n <= 0)
		return n < 0 ? -errno : 0;
	if (before)
		memcpy(text, s->line, before);
	size_t all = before + (size_t)n, rest = log_lines(s, text, all);
	keep_rest(s, text + all - rest, rest);
	return n;
}

static void stop(const struct reaper *r, struct stream *s)
{
	if (s->len)
		log_line(s, s->line, s->len, false);
	free(s->line);
	s->line = NULL;
	s->len = 0;
	reaper_leave(r, &s->source);
}

static void ready(struct reaper *r, struct source *source)
{
	struct stream *s = (struct stream *)source;
	ssize_t n = take_in(s, READ_BYTES);

	if (n <= 0 && n != -EAGAIN && n != -EINTR)
		stop(r, s);
}

int stream_begin(const struct reaper *r, struct stream *s, int fd, int log, const char *name)
{
	*s = (struct stream){ .source = { ready, fd }, .log = log, .name = name };
	if (fd < 0)
		return 0;
	int result = fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : reaper_wait_for(r, &s->source);
	if (result < 0)
		stop(r, s);
	return result;
}

void stream_end(const struct reaper *r, struct stream *s)
{
	int left = 0;

	if (s->source.fd >= 0 && ioctl(s->source.fd, FIONREAD, &left) < 0)
		left = 0;
	while (left > 0) {
		ssize_t n = take_in(s, (size_t)left);
		if (n <= 0 && n != -EINTR)
			break;
		left -= n > 0 ? (int)n : 0;
	}
	stop(r, s);
}
