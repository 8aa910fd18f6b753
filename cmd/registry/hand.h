/*
 * What has come, handed over to cow-import: an OCI layout in the store's tmp/, of which layers may be
 * missing that the store has.
 */
#ifndef CMD_REGISTRY_HAND_H
#define CMD_REGISTRY_HAND_H

#include "cmd/registry/manifest.h"
#include "overlay/work.h"

struct hand {
	const struct store *store;
	struct work work;
	int blobs; /* blobs/sha256 in it, where layers are linked into */
};

#define HAND_NONE                                                                                  \
	{                                                                                          \
		.work = WORK_NONE, .blobs = -1                                                     \
	}

int hand_begin(const struct store *store, struct hand *ret, struct err *e);

/* Manifest and config, and the index that names them. */
int hand_documents(const struct hand *hand, const struct pulled *p, struct err *e);

/* Under that name. What it complains of is the error. -ECANCELED when we were interrupted. */
int hand_over_to_import(const struct hand *hand, const char *name,
	const struct pull_options *options, struct err *e);

void hand_done(struct hand *hand);
DEFINE_AUTO(hand, hand_done)

#endif
