/* A census that never was, for the tests of what shows one. */
#ifndef TESTS_UNIT_TOP_H
#define TESTS_UNIT_TOP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/top/model.h"

#define MIB ((uint64_t)1 << 20)

static inline struct opt_u64 top_bytes(uint64_t value)
{
	return (struct opt_u64){ true, value };
}

/* A container of so many MiB of its own and shared ones, in its place of the census. */
static inline void top_usage(
	struct census *c, size_t i, const char *name, uint64_t own, uint64_t shared)
{
	struct memory_usage *u = &c->usages[i];

	*u = (struct memory_usage){ .name = strdup(name),
		.id = strdup(name),
		.processes = i + 1,
		.threads = i + 1,
		.unique = top_bytes((own + shared) * MIB),
		.private = top_bytes(own * MIB),
		.shared = top_bytes(shared * MIB),
		.kernel = top_bytes(MIB),
		.swap = top_bytes(0),
		.cost = top_bytes((own + 1) * MIB),
		.kinds = calloc(1, sizeof(*u->kinds)) };
	u->kinds->anon.private_bytes = own * MIB;
	u->kinds->file.shared_bytes = shared * MIB;
}

/* Without pairs: census.shares is the test's to fill. */
static inline struct census top_census(size_t n)
{
	struct census c = { .exact = true, .n_usages = n };

	c.usages = calloc(n + 1, sizeof(*c.usages));
	c.shares = calloc(n * n + 1, sizeof(*c.shares));
	c.union_bytes = top_bytes(60 * MIB);
	c.unshared_bytes = top_bytes(135 * MIB);
	c.saved_bytes = top_bytes(75 * MIB);
	return c;
}

#endif
