/*
 * Bytes into a zstd stream, with a checksum of its own at the end.
 *
 * What is given comes out at a sink, later; deflate_end() brings the rest. The output depends on
 * nothing but the input and the level.
 */
#ifndef OVERLAY_DEFLATE_H
#define OVERLAY_DEFLATE_H

#include <stddef.h>

#include "spec/base/err.h"

struct deflate;

/* Takes the next bytes, all of them: 0, or -errno with the reason. */
typedef int deflate_sink(void *to, const void *data, size_t n, struct err *e);

/* `level` as zstd's own. */
int deflate_open(int level, deflate_sink *sink, void *to, struct deflate **ret, struct err *e);

int deflate_add(struct deflate *d, const void *data, size_t n, struct err *e);
int deflate_end(struct deflate *d, struct err *e);

void deflate_free(struct deflate *d);

#endif
