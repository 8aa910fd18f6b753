/*
 * What a container keeps from being removed: its image and its layers, in containers/ID/meta.json.
 *
 * It is written, under the store's shared lock, before the layers are put to use.
 */
#ifndef OVERLAY_CLAIM_H
#define OVERLAY_CLAIM_H

#include <stdbool.h>
#include <stddef.h>

#include "overlay/store.h"

struct claim {
	char *image;	/* its name when the container was made */
	char *image_id; /* the digest of its config */
	char **layers;	/* diffIDs, lowest first */
	size_t n_layers;
	char *template; /* the id whose upper layer is the topmost of them (overlay/forks.h); or NULL */
	bool read_only;	   /* there is no upper layer */
	bool deep;	   /* its upper layer is of a mount with metacopy=on (overlay/mount.h) */
	char *snapshotter; /* its way (overlay/snapshot.h); NULL: overlay */
};

/* Below containers/ID's directory fd. */
int claim_write(int dir, const struct claim *claim, struct err *e);
/* -ENOENT: there is none, or its writing was cut off by a crash of the host. */
int claim_replace(int dir, const struct claim *claim, struct err *e); /* one that is there */
int claim_read(int dir, struct claim *ret, struct err *e);
void claim_done(struct claim *claim);
DEFINE_AUTO(claim, claim_done)

#endif
