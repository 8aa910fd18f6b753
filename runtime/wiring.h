/* What is made of a wish for a network, until the container is created. */
#ifndef RUNTIME_WIRING_H
#define RUNTIME_WIRING_H

#include "runtime/container.h"

struct launch_options;

struct wiring {
	int joined;		/* the network namespace of another container, or -1 */
	char path[32];		/* ... by its fd: its process may end meanwhile */
	char *resolver, *names; /* resolv.conf: where it is, its text; NULL: none */
};

#define WIRING_NONE                                                                                \
	{                                                                                          \
		.joined = -1                                                                       \
	}

/* `ret` is WIRING_NONE. What it comes to is in the record, and its resolv.conf beside that. */
int wiring_make(const struct home *h, const struct container *c, const struct launch_options *o,
	struct wiring *ret, struct err *e);
void wiring_done(struct wiring *w);
DEFINE_AUTO(wiring, wiring_done)

#endif
