/*
 * What an unpack does last, when every member is in its place.
 *
 * Directories get their owner, mode, attributes and times at the end: a set-group-id bit or default
 * ACL would be inherited by what is made in them, and their times would move. Whiteouts are made at
 * the end so that their position in the tar means nothing: what the layer itself brings wins.
 * The lists are kept in memory, up to a bound (-EFBIG).
 */
#ifndef OVERLAY_PENDING_H
#define OVERLAY_PENDING_H

#include "overlay/attributes.h"
#include "spec/base/str.h"

/* Places in `bytes`, where names and packed extended attributes lie. */
struct pending_dir {
	struct attributes attributes;
	size_t path, xattrs, n_xattrs;
	bool implicit; /* made because something lies in it; the tar says nothing about it */
};

struct pending_whiteout {
	size_t parent, base; /* base "": all of the parent, an opaque directory */
};

struct pending {
	struct str bytes;
	struct pending_dir *dirs;
	struct pending_whiteout *whiteouts;
	size_t n_dirs, room_dirs, n_whiteouts, room_whiteouts;
};

/* `parent` and `base` as in struct member. `xattrs`: packed, NULL for none. */
int pending_add_dir(struct pending *p, const char *parent, const char *base,
	const struct attributes *attributes, const struct str *xattrs, struct err *e);
int pending_add_implicit(struct pending *p, const char *parent, const char *base, struct err *e);
int pending_add_whiteout(struct pending *p, const char *parent, const char *base, struct err *e);

const char *pending_text(const struct pending *p, size_t place);

/* Paths that are implicit only, each with its '\0'; the root is ".". */
int pending_list_implicit(const struct pending *p, struct str *ret, struct err *e);

void pending_done(struct pending *p);

#endif
