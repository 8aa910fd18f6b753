/*
 * A directory in the store's tmp/ where something is being made.
 *
 * Its own lock (flock on the directory) says that its maker lives; one that nobody locks is dead
 * and swept. With a key, a second maker of the same thing waits for the first, and then must look
 * whether there is anything left to do. What is not published when it ends is removed.
 */
#ifndef OVERLAY_WORK_H
#define OVERLAY_WORK_H

#include <stdbool.h>

#include "overlay/broom.h"
#include "overlay/store.h"

struct work {
	const struct store *store; /* borrowed */
	int dir;
	char name[96];
};

#define WORK_NONE                                                                                  \
	{                                                                                          \
		.dir = -1                                                                          \
	}

/* Empty and locked. `key` (at most 64 file name characters) or NULL. -EINTR after a signal. */
int work_begin(const struct store *store, const char *key, struct work *ret, struct err *e);

/*
 * Renames it to `name` in a room of the store, durably. Where that exists already, it is as good:
 * no error, and ours is removed in the end.
 */
int work_publish(struct work *work, const char *room, const char *name, struct err *e);

void work_end(struct work *work);
DEFINE_AUTO(work, work_end)

/* Removes what dead workers left, and empties the trash; what cannot be deleted is a warning. */
int work_sweep(const struct store *store, struct err *e);
/* The first half of it. */
int work_sweep_dead(struct broom *broom, struct err *e);
/* What pulls that failed have kept for the next time. */
int work_sweep_downloads(struct broom *broom, struct err *e);

#endif
