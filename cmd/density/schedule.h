/*
 * In which order trials are made: each repetition has every one once, shuffled by the seed, so that
 * what changes on the host meanwhile changes all alike. Pure.
 */
#ifndef CMD_DENSITY_SCHEDULE_H
#define CMD_DENSITY_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "cmd/density/experiment.h"

/* Indices into the experiment's lists. */
struct trial {
	uint32_t variant, way, count, repetition;
};

struct schedule {
	struct trial *v;
	size_t n;
};

/* The same for the same experiment, always. -ENOMEM. */
int schedule_make(const struct experiment *x, struct schedule *ret);
void schedule_done(struct schedule *s);
DEFINE_AUTO(schedule, schedule_done)

#endif
