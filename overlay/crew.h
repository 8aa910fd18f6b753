/*
 * Several layers at once: each is taken in by a process of its own, as many at a time as there are
 * processors.
 *
 * Processes and not threads, since the umask and what a wrong archive can do to a parser belong to
 * a process. What comes out is what one after the other would give: of several that fail, the
 * first in order is told, those after it are stopped, and those before it come to their end.
 */
#ifndef OVERLAY_CREW_H
#define OVERLAY_CREW_H

#include <stddef.h>
#include <stdint.h>

#include "overlay/import.h"

struct crew_work {
	size_t n;
	/* The i-th of them. `options` are those below, with a progress() that reaches the caller. */
	int (*one)(void *data, size_t i, const struct import_options *options, uint64_t *ret_size,
		struct err *e);
	void *data;
	const struct import_options *options;
};

/* `size`: the sum of all. With one processor, or `alone`, all is done here. */
int crew_run(const struct crew_work *work, bool alone, uint64_t *ret_size, struct err *e);

#endif
