/* Waiting for the end of a container, and its status. */
#ifndef CMD_COW_WAIT_H
#define CMD_COW_WAIT_H

#include <stdbool.h>

#include "runtime/record.h"

/* 1 when the process has ended, 0: not yet. timeout_ms -1: for as long as it takes. */
int wait_for(const struct process_mark *mark, int timeout_ms, struct err *e);

/* 1 when the end of a container, which has come, is written down, or nobody is there to do it; 0: not yet. */
int wait_for_record(const struct home *h, const struct record *r, int timeout_ms, struct err *e);

/* What is kept of a container while it runs, so that its end is found where --rm has removed all. */
struct wait {
	struct record record; /* as it was, and, after wait_end(), with its end */
	int journal;
};

#define WAIT_NONE                                                                                  \
	{                                                                                          \
		.journal = -1                                                                      \
	}

int wait_begin(const struct home *h, const char *id, struct wait *ret, struct err *e);
/* Until its status is written down; an error if nobody did. */
int wait_end(const struct home *h, struct wait *w, struct err *e);
void wait_done(struct wait *w);
DEFINE_AUTO(wait, wait_done)

#endif
