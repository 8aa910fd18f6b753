/*
 * A layer compressed on its way out, as registries want it: gzip, zstd, or as it is.
 *
 * The same bytes give the same output (gzip without name and time), on one kind of machine.
 */
#ifndef OVERLAY_COMPRESS_H
#define OVERLAY_COMPRESS_H

#include "overlay/deflate.h"
#include "spec/image.h"

struct compress;

/* What is given comes out at the sink, later. */
int compress_open(
	enum compression how, deflate_sink *sink, void *to, struct compress **ret, struct err *e);
int compress_add(struct compress *c, const void *data, size_t n, struct err *e);
/* The rest. */
int compress_end(struct compress *c, struct err *e);
void compress_free(struct compress *c);

#endif
