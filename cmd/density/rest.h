/*
 * The host's memory when nothing is under way.
 *
 * What a container had is freed by kernel threads, seconds after its end: namespaces, groups, what RCU
 * holds. Whoever looks before a trial would see the end of the one before, and take it for less used.
 */
#ifndef CMD_DENSITY_REST_H
#define CMD_DENSITY_REST_H

#include <stdbool.h>

#include "cmd/density/host.h"

struct rest {
	/*
	 * Medians of some readings; `unused`: the most of them, as a host that gives free pages back to
	 * one below it holds 64 MiB for a moment, again and again.
	 */
	struct host_memory memory;
	/* Bytes: the most of the first half of them, and the most of the second half, apart. */
	uint64_t noise;
};

/*
 * Waits until the host's memory goes neither up nor down by more than it moves anyhow, for
 * `limit_ms` at most. -EINTR: interrupted.
 */
int rest_wait(unsigned limit_ms, struct rest *ret, struct err *e);

/*
 * The same before a trial: the kernel gives back what it keeps of slabs with nothing in them. Else the
 * trial takes what the one before has left, and the host has not less than before.
 */
int rest_clear(unsigned limit_ms, struct rest *ret, struct err *e);

/* Whether readings, oldest first, tell of a host at rest. Pure. */
#define REST_READINGS 8
bool rest_is(const struct host_memory readings[REST_READINGS], struct rest *ret);

#endif
