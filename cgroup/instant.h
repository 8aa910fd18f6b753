/*
 * The instant of a reading: which of its things stand still while it reads (frost.h), and which of
 * them did.
 */
#ifndef CGROUP_INSTANT_H
#define CGROUP_INSTANT_H

#include "cgroup/census.h"
#include "cgroup/frost.h"

struct instant {
	const struct census_thing *things; /* borrowed */
	size_t n;
	bool *chosen; /* by thing: to stand still in the next reading; NULL: none */
	int *groups;  /* of those, for frost_begin() */
	struct frost frost;
	uint64_t bytes; /* of the set, as far as it is known */
	uint64_t n_frozen, longest_ns;
	bool hurried; /* we go before others, while they stand still */
	int nice;     /* ours before that */
};

#define INSTANT_NONE ((struct instant){ .frost = FROST_NONE })

int instant_init(struct instant *in, const struct census_thing *things, size_t n, struct err *e);
void instant_done(struct instant *in);

/* What cannot be frozen is read as it runs. */
void instant_begin(struct instant *in);
void instant_read(struct instant *in, uint64_t bytes); /* so much of the set by now */
void instant_end(struct instant *in);

/* After its end: it did not run from the beginning to the end. */
bool instant_held(const struct instant *in, size_t thing);

#endif
