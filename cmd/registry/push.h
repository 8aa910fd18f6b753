/* An image of the store, into a registry. */
#ifndef CMD_REGISTRY_PUSH_H
#define CMD_REGISTRY_PUSH_H

#include "cmd/registry/registry.h"
#include "overlay/store.h"
#include "spec/image.h"

struct push_options {
	struct registry_options registry;
	enum compression compression; /* of layers that are not there in another form */
};

/*
 * The image of that name, under its own name or `to` (NULL: its own). What the registry has already
 * stays as it is; if all layers are those that the image came with, so is its manifest. Prints a line
 * "NAME DIGEST".
 */
int push(const struct store *store, const char *image, const char *to,
	const struct push_options *options, struct err *e);

#endif
