/* Bytes as a tar: in pieces, and with the checksums that a mutation has made wrong put right. */
#ifndef TESTS_FUZZ_TARRY_H
#define TESTS_FUZZ_TARRY_H

#include "overlay/tar.h"
#include "tests/fuzz/fuzz.h"

enum { TARRY_BLOCK = 512, TARRY_PIECE = 3 * TARRY_BLOCK + 100 };

struct tarry {
	uint8_t *data;
	size_t size, at;
};

static inline void tarry_fix(uint8_t *block)
{
	char text[8];
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TARRY_BLOCK; i++)
		sum += block[i];
	snprintf(text, sizeof(text), "%06o", sum & 0777777);
	memcpy(block + 148, text, 7);
}

/* The data is copied; the caller frees it. */
static inline struct tarry tarry_begin(const uint8_t *data, size_t size)
{
	struct tarry t = { .data = malloc(size + 1), .size = size };

	memcpy(t.data, data, size);
	for (size_t at = 0; at + TARRY_BLOCK <= size; at += TARRY_BLOCK)
		if (memcmp(t.data + at + 257, "ustar", 5) == 0)
			tarry_fix(t.data + at);
	return t;
}

static inline ssize_t tarry_next(void *from, const void **ret)
{
	struct tarry *t = from;
	size_t n = t->size - t->at < TARRY_PIECE ? t->size - t->at : TARRY_PIECE;

	*ret = t->data + t->at;
	t->at += n;
	return (ssize_t)n;
}

#endif
