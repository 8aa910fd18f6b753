/* Bytes into a zstd stream. */
#include "overlay/deflate.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

#define OUT_SIZE (64u << 10)

struct deflate {
	deflate_sink *sink;
	void *to;
	ZSTD_CCtx *zstd;
	unsigned char out[OUT_SIZE];
};

int deflate_open(int level, deflate_sink *sink, void *to, struct deflate **ret, struct err *e)
{
	struct deflate *d = malloc(sizeof(*d));

	if (d)
		*d = (struct deflate){ .sink = sink, .to = to, .zstd = ZSTD_createCCtx() };
	if (!d || !d->zstd ||
		ZSTD_isError(ZSTD_CCtx_setParameter(d->zstd, ZSTD_c_compressionLevel, level)) ||
		ZSTD_isError(ZSTD_CCtx_setParameter(d->zstd, ZSTD_c_checksumFlag, 1))) {
		deflate_free(d);
		return err_set(e, ENOMEM, "compress");
	}
	*ret = d;
	return 0;
}

static int push(struct deflate *d, const void *data, size_t n, ZSTD_EndDirective end, struct err *e)
{
	ZSTD_inBuffer in = { .src = data, .size = n };
	size_t left = 1;

	while (in.pos < in.size || (end == ZSTD_e_end && left)) {
		ZSTD_outBuffer out = { .dst = d->out, .size = sizeof(d->out) };
		left = ZSTD_compressStream2(d->zstd, &out, &in, end);
		if (ZSTD_isError(left))
			return err_say(e, EIO, "compress: zstd says '%s'", ZSTD_getErrorName(left));
		int r = out.pos ? d->sink(d->to, d->out, out.pos, e) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int deflate_add(struct deflate *d, const void *data, size_t n, struct err *e)
{
	return push(d, data, n, ZSTD_e_continue, e);
}

int deflate_end(struct deflate *d, struct err *e)
{
	return push(d, NULL, 0, ZSTD_e_end, e);
}

void deflate_free(struct deflate *d)
{
	if (!d)
		return;
	ZSTD_freeCCtx(d->zstd);
	free(d);
}
