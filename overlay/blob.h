/* Small documents in the store by their digest: manifests and configs. */
#ifndef OVERLAY_BLOB_H
#define OVERLAY_BLOB_H

#include <stddef.h>

#include "overlay/digest.h"
#include "overlay/store.h"

/* -ERR_DAMAGED when the bytes are not what the digest says. `what` names them in the message. */
int blob_check(const char *what, const char *digest, const void *data, size_t n, struct err *e);

/* Durable; one that is there already is left alone. */
int blob_put(
	const struct store *store, const char *digest, const void *data, size_t n, struct err *e);

/* The caller frees; '\0' behind it. Verified. -EFBIG beyond `limit`. */
int blob_get(const struct store *store, const char *digest, size_t limit, char **ret_data,
	size_t *ret_n, struct err *e);

#endif
