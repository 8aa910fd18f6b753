/* An image out of a registry, into the store. */
#ifndef CMD_REGISTRY_PULL_H
#define CMD_REGISTRY_PULL_H

#include "cmd/registry/registry.h"
#include "overlay/store.h"

struct pull_options {
	struct registry_options registry;
	const char *os, *architecture, *variant; /* variant NULL: any */
	bool chosen;				 /* by the user: another one is an error then */
	bool json;
};

/* `text`: as people write it. Prints what cow-import prints: a line "NAME ID". */
int pull(const struct store *store, const char *text, const struct pull_options *options,
	struct err *e);

#endif
