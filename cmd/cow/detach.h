/* A container in the background, with its monitor. */
#ifndef CMD_COW_DETACH_H
#define CMD_COW_DETACH_H

#include "cmd/commands.h"
#include "runtime/launch.h"

/* One that runs, or has run. */
struct detached {
	char id[128];
	pid_t monitor; /* our child, until it has recorded the end */
	/* Of one whose terminal is shown here: what the monitor says of it, its master, its record. */
	int connection, terminal, journal;
};

#define DETACHED_NONE                                                                              \
	{                                                                                          \
		.connection = -1, .terminal = -1, .journal = -1                                    \
	}

/* A failure to launch it is ours. `shown`: its terminal is to be shown by us, from the start. */
int detach_run(struct context *c, const struct launch_options *o, bool shown, struct detached *ret,
	struct err *e);

/* The same in two steps, so that many can begin before the first is heard of. */
struct beginning {
	pid_t pid; /* of the monitor to be; 0: none */
	int said;  /* readable when it has begun, or failed */
};

int detach_begin(
	struct context *c, const struct launch_options *o, struct beginning *ret, struct err *e);
/* Its end in any case; ret_id: its name. */
int detach_hear(struct beginning *b, char ret_id[128], struct err *e);

void detached_done(struct detached *d);
DEFINE_AUTO(detached, detached_done)

#endif
