/* Compressed forms of a text, in its place. */
#ifndef TESTS_UNIT_PACKERS_H
#define TESTS_UNIT_PACKERS_H

#include <check.h>
#include <isa-l.h>
#include <stdlib.h>
#include <zstd.h>

#include "spec/base/str.h"

static inline void pack_replace(struct str *text, const void *data, size_t n)
{
	text->len = 0;
	str_add_bytes(text, data, n);
	ck_assert(str_ok(text));
}

static inline void pack_gzip_bytes(struct str *out, const void *data, size_t n)
{
	struct isal_zstream z;
	size_t room = n + n / 8 + 1024;
	uint8_t *packed = malloc(room), *level = malloc(ISAL_DEF_LVL1_DEFAULT);

	isal_deflate_stateless_init(&z);
	z.level = 1;
	z.level_buf = level;
	z.level_buf_size = ISAL_DEF_LVL1_DEFAULT;
	z.gzip_flag = IGZIP_GZIP;
	z.end_of_stream = 1;
	z.next_in = (uint8_t *)data;
	z.avail_in = (uint32_t)n;
	z.next_out = packed;
	z.avail_out = (uint32_t)room;
	ck_assert_int_eq(isal_deflate_stateless(&z), COMP_OK);
	pack_replace(out, packed, z.total_out);
	free(level);
	free(packed);
}

static inline void pack_zstd_bytes(struct str *out, const void *data, size_t n)
{
	size_t room = ZSTD_compressBound(n);
	void *packed = malloc(room);
	ZSTD_CCtx *context = ZSTD_createCCtx();

	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	size_t len = ZSTD_compress2(context, packed, room, data, n);
	ck_assert(!ZSTD_isError(len));
	pack_replace(out, packed, len);
	ZSTD_freeCCtx(context);
	free(packed);
}

static inline void pack_gzip(struct str *text)
{
	struct str plain = *text;

	*text = (struct str){ 0 };
	pack_gzip_bytes(text, plain.data, plain.len);
	str_done(&plain);
}

static inline void pack_zstd(struct str *text)
{
	struct str plain = *text;

	*text = (struct str){ 0 };
	pack_zstd_bytes(text, plain.data, plain.len);
	str_done(&plain);
}

static inline void pack_zeros(struct str *out, size_t n, bool zstd)
{
	void *zeros = calloc(1, n);

	if (zstd)
		pack_zstd_bytes(out, zeros, n);
	else
		pack_gzip_bytes(out, zeros, n);
	free(zeros);
}

#endif
