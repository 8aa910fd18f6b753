/*
 * The memory of one document while it is read: taken in pieces, given back at once.
 *
 * A parser asks for every value, key and buffer by itself, and gives each back by itself: for the
 * config.json of a small container 900 times, and a fifth of all instructions of its `cowrun run`.
 */
#ifndef SPEC_BASE_JSON_POOL_H
#define SPEC_BASE_JSON_POOL_H

#include <stddef.h>

#include "spec/base/own.h"

struct json_pool {
	struct json_piece *last;
	size_t left; /* bytes at its end that nobody has */
};

/* From here to json_pool_done() the two below go to this one; it lives where it is, and alone. */
void json_pool_begin(struct json_pool *p);
/* Frees all that was taken from it. */
void json_pool_done(struct json_pool *p);
DEFINE_AUTO(json_pool, json_pool_done)

/* As malloc() and free(), which they are where no pool has begun. */
void *json_pool_take(size_t size);
void json_pool_give(void *memory);

#endif
