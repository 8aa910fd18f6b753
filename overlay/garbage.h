/*
 * What nothing in the store refers to, and its removal.
 *
 * Used is what an image or a container names, running or not, and what somebody is making right
 * now. The rest goes, kind by kind.
 */
#ifndef OVERLAY_GARBAGE_H
#define OVERLAY_GARBAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "overlay/store.h"

enum garbage_kind {
	GARBAGE_LAYERS,
	GARBAGE_OBJECTS, /* contents that no layer has any more */
	GARBAGE_BASES,	 /* trees that snapshots were taken of, of layers that go */
	GARBAGE_BLOBS,	 /* manifests and configs */
	GARBAGE_WORK,	 /* begun by who has died since: imports, downloads, half-written files */
	GARBAGE_KINDS,
};

struct garbage {
	struct {
		uint64_t n, bytes; /* bytes on disk, where they were measured */
	} of[GARBAGE_KINDS];
};

/* "layers", "objects", ... */
const char *garbage_name(enum garbage_kind kind);

/*
 * `dry`: nothing is removed. Waits for the store's lock. -ERR_DAMAGED where an image's or a
 * container's record cannot be read, which could name anything: then nothing goes.
 */
int garbage_collect(const struct store *store, bool dry, struct garbage *ret, struct err *e);

#endif
