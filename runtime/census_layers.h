/*
 * How much of each layer is in memory: what containers map of it, and what is in the page cache
 * though nobody maps it.
 *
 * Residency is asked of every file of a layer (cgroup/cache.h), and of the contents that it shares
 * with others (overlay/objects.h). A content of several layers counts in each of them. Nothing is
 * read in by the looking.
 */
#ifndef RUNTIME_CENSUS_LAYERS_H
#define RUNTIME_CENSUS_LAYERS_H

#include "cgroup/census.h"
#include "runtime/origins.h"

/*
 * Fills c->layers: those that the measured containers have (records[i] of usages[i], NULL for what
 * is not ours), and, `store` given, those of all images of that store which are in memory.
 */
int census_layers_fill(struct census *c, const struct origins *origins,
	const struct record *const *records, size_t n, const char *store, struct err *e);

#endif
