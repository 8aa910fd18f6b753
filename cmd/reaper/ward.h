/* A container that is looked after: the template, or one of its forks. */
#ifndef CMD_REAPER_WARD_H
#define CMD_REAPER_WARD_H

#include "cmd/reaper/stream.h"
#include "runtime/reaper.h"

/* There is one for each fork: a few hundred bytes, and the fds. */
struct ward {
	struct ward *next;
	char *id;
	pid_t pid; /* has not been reaped as long as `ended` is false */
	int log;
	int status_to; /* struct reaper_ward.status */
	struct stream streams[2];
	bool ended, is_template;
	bool alone;    /* its record was locked: it gets a teller of its own */
	int status;    /* its wait status */
	pid_t teller;  /* who writes that down at the moment; 0: nobody */
	unsigned told; /* how often one has ended that did not tell it */
};

/* Takes the fds. -errno, and they are closed. */
int ward_take(struct reaper *r, const struct reaper_ward *w, bool is_template);

/* By the number of a process that has not been reaped. NULL: none. */
struct ward *ward_find(const struct reaper *r, pid_t pid);

/* It has been reaped: its output is logged, and its end is to be told. */
void ward_ended(const struct reaper *r, struct ward *w, int status);

/* Its end is told: it is removed, and freed. */
void ward_told(struct reaper *r, struct ward *w);

#endif
