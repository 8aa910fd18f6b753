/* A ward's standard output or error, on its way into the log. */
#ifndef CMD_REAPER_STREAM_H
#define CMD_REAPER_STREAM_H

#include "cmd/reaper/reaper.h"

struct stream {
	struct source source;
	int log;	  /* borrowed of the ward */
	const char *name; /* "stdout" */
	char *line;	  /* that has no end yet: only while there is one, since wards are many */
	size_t len;
};

/* Takes the fd, and logs what comes; -errno, and the fd is closed. */
int stream_begin(const struct reaper *r, struct stream *s, int fd, int log, const char *name);

/* The ward has ended: what it has written is logged, what others may still write is not. */
void stream_end(const struct reaper *r, struct stream *s);

#endif
