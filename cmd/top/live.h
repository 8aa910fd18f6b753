/* `cow top`: readings one after the other, on a live screen or as text. */
#ifndef CMD_TOP_LIVE_H
#define CMD_TOP_LIVE_H

#include "cmd/measured.h"
#include "cmd/top/columns.h"
#include "cmd/top/model.h"

/* What it is told to do. */
struct top {
	struct context *context;
	struct measured_words words; /* never_freeze is for each reading to say */
	char *const *names;
	size_t n_names;
	int interval_ms;
	uint64_t n_readings; /* 0: until it is told to end */
};

/*
 * One reading more into the model: the whole set is looked for again, for containers come and go.
 * `exact`: everything is frozen for it.
 */
int top_read(const struct top *t, unsigned details, bool exact, struct model *m, int *ret_took_ms,
	struct err *e);

/* Each returns the exit status, or -errno. top_live: a fatal signal ends this process, as it would. */
int top_live(const struct top *t, struct model *m, struct err *e);
int top_batch(const struct top *t, struct model *m, struct err *e);

#endif
