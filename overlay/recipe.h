/*
 * A layer's tar again, byte for byte, from what the store keeps of it.
 *
 * layers/HEX/recipe holds every byte of the tar that is not in a file of the layer, compressed, and
 * says between these which part of which file comes next; overlay/recorder.h writes it while the
 * layer is unpacked. So an image goes out as it came in, and its layers keep their digests, though
 * no tar is kept.
 *
 * The file: 16 bytes of magic, the tar's size and the number of replaced things (8 bytes each, little
 * endian), then a zstd stream of instructions. Numbers in it are LEB128.
 *
 *	'L' n, n bytes			these bytes
 *	'Z' n				n zero bytes
 *	'C' length path, offset, n	n bytes of a file of the layer, from that offset
 *	'S' length path, offset, n, sum	the same, with the low 64 bits of these bytes' XXH3
 *	'K' length path			what is there now is replaced by a later member: it is kept as
 *					layers/HEX/kept/0, 1, ..., which is where all 'C' and 'S'
 *					before this one find what they mean at or below that path
 *
 * Paths lead through no symlink, and through names that were never renamed.
 */
#ifndef OVERLAY_RECIPE_H
#define OVERLAY_RECIPE_H

#include <stdint.h>
#include <sys/types.h>

#include "overlay/store.h"

#define RECIPE_FILE "recipe"
#define RECIPE_KEPT "kept"
#define RECIPE_MAGIC "cowrun-recipe 1\n" /* 16 bytes */
#define RECIPE_PATH_MAX 4000		 /* so that it can be opened below fs/ and kept/ */

enum recipe_code {
	RECIPE_LITERAL = 'L',
	RECIPE_ZEROS = 'Z',
	RECIPE_CONTENT = 'C',
	RECIPE_SUMMED = 'S',
	RECIPE_KEEP = 'K',
};

struct recipe_header {
	char magic[16];
	uint64_t size, n_kept; /* little endian */
};

/* Takes the next bytes of the tar: 0, or -errno with the reason. */
typedef int recipe_sink(void *to, const void *data, size_t n, struct err *e);

/*
 * The whole tar of a layer into a sink. At its end it is held against the diffID: -ERR_DAMAGED when
 * it is another one, or when something that it is made of is not there. -ENODATA: the layer has no
 * recipe. The sink has had bytes in all these cases.
 */
int recipe_play(
	const struct store *store, const char *diff_id, recipe_sink *sink, void *to, struct err *e);

/* The same piece by piece, and not held against anything. */
struct recipe;

int recipe_open(const struct store *store, const char *diff_id, struct recipe **ret, struct err *e);
/* Is told of a file whose content is not there, and why; zeros take its place in the tar. */
typedef void recipe_loss(void *to, const char *path, const char *why);
/* Without it, what is lost is the end: recipe_next() fails. */
void recipe_on_loss(struct recipe *r, recipe_loss *tell, void *to);
/* Of the tar, in bytes. */
uint64_t recipe_size(const struct recipe *r);
/* The next bytes, valid until the next call; 0 at the end. */
ssize_t recipe_next(struct recipe *r, const void **ret, struct err *e);
void recipe_free(struct recipe *r);

#endif
