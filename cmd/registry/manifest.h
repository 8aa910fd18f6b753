/* The documents of an image in a registry: which one is meant, and what it is made of. */
#ifndef CMD_REGISTRY_MANIFEST_H
#define CMD_REGISTRY_MANIFEST_H

#include "cmd/registry/pull.h"
#include "overlay/digest.h"
#include "spec/image.h"

struct pulled {
	char *manifest, *config; /* JSON */
	size_t manifest_len, config_len;
	struct digest_text digest; /* of the manifest */
	struct manifest_doc doc;
	struct image_config image;
};

/*
 * Through indexes, at most four deep, to the manifest for a platform. Every document is verified
 * before it is parsed: by the digest that it was asked for with, else by the one that the registry
 * tells, and by its size where that is known. -ERR_NO_IMAGE: there is none for that platform.
 */
int manifest_fetch(struct registry *r, const struct reference *ref,
	const struct pull_options *options, struct pulled *ret, struct err *e);
void pulled_done(struct pulled *p);
DEFINE_AUTO(pulled, pulled_done)

#endif
