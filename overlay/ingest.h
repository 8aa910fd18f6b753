/*
 * One layer into the store: unpacked in tmp/, verified, synced, and renamed into place.
 *
 * Where its diffID is known in advance, a layer that is there is not read again, and two who want
 * the same one at once do the work once.
 */
#ifndef OVERLAY_INGEST_H
#define OVERLAY_INGEST_H

#include <time.h>

#include "overlay/digest.h"
#include "overlay/import.h"
#include "overlay/input.h"
#include "overlay/unpack.h"
#include "overlay/work.h"
#include "spec/base/date.h"

struct ingested {
	struct digest_text diff_id;
	uint64_t size;		/* bytes of its files */
	struct timespec newest; /* of its members; zero when it was there already */
};

/* `diff_id`: what it must be, or NULL. The input is read to its end, or not at all. */
int ingest_layer(const struct store *store, struct input *in, const char *diff_id,
	const struct import_options *options, struct ingested *ret, struct err *e);

/* The last steps: a filled work directory (its layer in "fs") synced, described and published. */
int ingest_seal(
	struct work *work, const struct unpack_result *result, const char *diff_id, struct err *e);

/* A time as RFC 3339 in UTC, to the second. */
struct time_text {
	char text[DATE_TEXT_MAX];
};
struct time_text time_write(time_t t);

#endif
