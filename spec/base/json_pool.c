/* Memory in pieces, for a parser that has no place to keep a pointer to it. */
#include "spec/base/json_pool.h"

#include <stdint.h>
#include <stdlib.h>

#ifndef __has_feature
#define __has_feature(x) 0 /* clang's way to say it */
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { PIECE = 0 }; /* it sees nothing within a piece: each is for one */
#else
enum { PIECE = 24 << 10 }; /* the first holds a usual config.json whole */
#endif

struct json_piece {
	struct json_piece *before;
	max_align_t memory[];
};

static struct json_pool *current;

void json_pool_begin(struct json_pool *p)
{
	*p = (struct json_pool){ 0 };
	current = p;
}

void json_pool_done(struct json_pool *p)
{
	while (p->last) {
		struct json_piece *before = p->last->before;
		free(p->last);
		p->last = before;
	}
	current = NULL;
}

/* What does not fit leaves the rest of the last one unused. */
static void *take_piece(struct json_pool *p, size_t size)
{
	size_t room = size > PIECE / 2 ? size : PIECE;
	struct json_piece *piece = malloc(sizeof(*piece) + room);

	if (!piece)
		return NULL;
	piece->before = p->last;
	p->last = piece;
	p->left = room - size;
	return (char *)piece->memory + p->left;
}

/* From the end of a piece towards its beginning. */
void *json_pool_take(size_t size)
{
	if (!current)
		return malloc(size);
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + _Alignof(max_align_t) - 1) & -_Alignof(max_align_t);
	if (!current->last || size > current->left)
		return take_piece(current, size);
	current->left -= size;
	return (char *)current->last->memory + current->left;
}

void json_pool_give(void *memory)
{
	if (!current)
		free(memory);
}
