/*
 * An object: the content of files that layers have in common, by a name that its content gives it.
 *
 * objects/.wh.X/YYYYYYYYYYYYYYYYY holds bytes and nothing else: owner, mode and times are those of
 * the stubs that lead there (overlay/stub.h). The room is a data-only lower of the overlays that
 * need it. The name is 108 bits of the content's XXH3, in the 64 characters A-Z a-z 0-9 - _; it
 * finds an object and proves nothing: who wants to share one compares it byte by byte
 * (overlay/sharing.h), so neither a collision, made on purpose or not, nor a damaged object is
 * ever taken for something else.
 *
 * Why the names are so: the kernel looks for a stub's target in the ordinary layers below it
 * first, and no layer can have a name that begins with ".wh.". And with 24 bytes for the path,
 * both attributes of a stub fit into an ext4 inode of 256 bytes, so a stub costs no block.
 */
#ifndef OVERLAY_OBJECT_H
#define OVERLAY_OBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "overlay/store.h"

#define OBJECT_NAME 18 /* characters: X and Y together */

struct object_name {
	char text[OBJECT_NAME + 1];
};

/* As it stands in a stub: absolute, with the objects' room as root. `text + 1`: relative to it. */
#define OBJECT_PATH 24
struct object_path {
	char text[OBJECT_PATH + 1];
};

struct object_path object_path(const struct object_name *name);

/* False when these bytes are no such path, or no such name. */
bool object_path_parse(const char *path, size_t n, struct object_name *ret);
bool object_name_check(const char *text, size_t n);

/* The room itself, O_PATH; -ENOENT in a store of before. */
int objects_open(const struct store *store);

/* For reading: an fd, -ENOENT, or -errno. `objects`: the room. */
int object_open(int objects, const struct object_name *name);

#endif
