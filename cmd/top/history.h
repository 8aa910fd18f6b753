/* What things used, reading by reading: the last so many figures of each, by its id. */
#ifndef CMD_TOP_HISTORY_H
#define CMD_TOP_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroup/census.h"
#include "spec/base/own.h"

#define HISTORY_ROOM 240

/* Of one thing, the oldest first. */
struct history {
	char *id;
	uint64_t private[HISTORY_ROOM], unique[HISTORY_ROOM];
	size_t n;
	bool is_here;
};

struct histories {
	struct history **v; /* sorted by id */
	size_t n;
};

/*
 * One sample more of everything in the census; what is not in it any more is forgotten. A figure
 * that is not known leaves none. -ENOMEM: as before.
 */
int histories_feed(struct histories *h, const struct census *c);
const struct history *histories_find(const struct histories *h, const char *id); /* or NULL */
void histories_done(struct histories *h);
DEFINE_AUTO(histories, histories_done)

/* The least and the most of some samples; 0 and 0 of none. */
void history_range(const uint64_t *samples, size_t n, uint64_t *ret_low, uint64_t *ret_high);

#endif
