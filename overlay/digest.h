/* sha256 of bytes as they come, as OCI writes it: "sha256:" and 64 hex digits. */
#ifndef OVERLAY_DIGEST_H
#define OVERLAY_DIGEST_H

#include <stddef.h>

#include "spec/base/err.h"
#include "spec/image.h"

struct digest; /* a sum that is still growing */

struct digest_text {
	char text[DIGEST_LENGTH + 1];
};

/* NULL when out of memory. */
struct digest *digest_begin(void);
void digest_add(struct digest *d, const void *data, size_t n);
/* Its value so far; nothing may be added after. */
struct digest_text digest_end(struct digest *d);
void digest_free(struct digest *d);

/* Of a whole text. -ENOMEM. */
int digest_of(const void *data, size_t n, struct digest_text *ret, struct err *e);

#endif
