/*
 * Where bytes go that a command writes: standard output, or a file that is there whole or not at
 * all.
 *
 * A file is written beside its name and renamed at the end. What is named and is no regular file (a
 * FIFO, a device) is written to as it is.
 */
#ifndef CMD_EXPORT_OUTLET_H
#define CMD_EXPORT_OUTLET_H

#include <stdbool.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

struct outlet {
	const char *path; /* for messages; NULL: standard output */
	int fd, dir;
	char *name, *temporary; /* in `dir`; NULL: nothing to rename */
};

#define OUTLET_NONE                                                                                \
	{                                                                                          \
		.fd = -1, .dir = -1                                                                \
	}

/* `path` NULL: standard output, unless that is a terminal (-ERR_USAGE). */
int outlet_open(const char *path, struct outlet *ret, struct err *e);

/* A recipe_sink, of a struct outlet. -ECANCELED after SIGINT, SIGTERM or SIGHUP. */
int outlet_write(void *outlet, const void *data, size_t n, struct err *e);

/* Everything was written: it is made durable and gets its name. */
int outlet_finish(struct outlet *o, struct err *e);

/* Takes away what was not finished. */
void outlet_done(struct outlet *o);
DEFINE_AUTO(outlet, outlet_done)

#endif
