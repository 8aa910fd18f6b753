/* A layer compressed on its way out. */
#include "overlay/compress.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "spec/base/own.h"

#define OUT_SIZE (64u << 10)
#define GZIP_LEVEL 3 /* the best that it has */
#define ZSTD_LEVEL 3

struct compress {
	enum compression how;
	deflate_sink *sink;
	void *to;
	struct deflate *zstd;
	struct isal_zstream gzip;
	unsigned char level[ISAL_DEF_LVL3_DEFAULT], out[OUT_SIZE];
};

int compress_open(
	enum compression how, deflate_sink *sink, void *to, struct compress **ret, struct err *e)
{
	autofree struct compress *c = malloc(sizeof(*c));
	int r = 0;

	if (!c)
		return err_set(e, ENOMEM, "compress");
	c->how = how;
	c->sink = sink;
	c->to = to;
	c->zstd = NULL;
	isal_deflate_init(&c->gzip);
	c->gzip.level = GZIP_LEVEL;
	c->gzip.level_buf = c->level;
	c->gzip.level_buf_size = sizeof(c->level);
	c->gzip.gzip_flag = IGZIP_GZIP;
	if (how == COMPRESSION_ZSTD)
		r = deflate_open(ZSTD_LEVEL, sink, to, &c->zstd, e);
	if (r == 0)
		*ret = take(c);
	return r;
}

static int run_gzip(struct compress *c, const void *data, size_t n, bool end, struct err *e)
{
	struct isal_zstream *z = &c->gzip;

	z->next_in = (uint8_t *)data;
	z->avail_in = (uint32_t)n;
	z->end_of_stream = end;
	do {
		z->next_out = c->out;
		z->avail_out = OUT_SIZE;
		int code = isal_deflate(z);
		if (code != COMP_OK)
			return err_say(e, EIO, "compress: igzip says %d", code);
		size_t got = OUT_SIZE - z->avail_out;
		int r = got ? c->sink(c->to, c->out, got, e) : 0;
		if (r < 0)
			return r;
	} while (z->avail_out == 0 || z->avail_in);
	return 0;
}

int compress_add(struct compress *c, const void *data, size_t n, struct err *e)
{
	if (c->how == COMPRESSION_NONE)
		return c->sink(c->to, data, n, e);
	if (c->how == COMPRESSION_ZSTD)
		return deflate_add(c->zstd, data, n, e);
	/* Its counters have 32 bits. */
	const unsigned char *at = data;
	for (int r; n > 0;) {
		size_t part = n < (1u << 30) ? n : 1u << 30;
		r = run_gzip(c, at, part, false, e);
		if (r < 0)
			return r;
		at += part;
		n -= part;
	}
	return 0;
}

int compress_end(struct compress *c, struct err *e)
{
	if (c->how == COMPRESSION_NONE)
		return 0;
	return c->how == COMPRESSION_ZSTD ? deflate_end(c->zstd, e) : run_gzip(c, "", 0, true, e);
}

void compress_free(struct compress *c)
{
	if (!c)
		return;
	deflate_free(c->zstd);
	free(c);
}
