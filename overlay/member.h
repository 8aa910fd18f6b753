/*
 * The name of a tar's member, and what it means in a layer (image-spec layer.md). Pure.
 *
 * Names are bytes. "/" and "." in front and doubled slashes mean nothing; ".." is refused, wherever
 * it would lead. ".wh.NAME" hides NAME of the layers below, ".wh..wh..opq" all that they have in
 * its directory; other names with ".wh..wh." are AUFS's own bookkeeping.
 */
#ifndef OVERLAY_MEMBER_H
#define OVERLAY_MEMBER_H

#include <limits.h>

#include "spec/base/err.h"

enum member_meaning {
	MEMBER_ROOT,	 /* the layer's own root directory */
	MEMBER_PLAIN,	 /* an entry `base` in `parent` */
	MEMBER_WHITEOUT, /* `base` of the layers below is hidden in `parent` */
	MEMBER_OPAQUE,	 /* all of the layers below is hidden in `parent` */
	MEMBER_IGNORED,
};

struct member {
	enum member_meaning meaning;
	char parent[PATH_MAX]; /* from the root, without a leading slash; "": the root */
	char base[NAME_MAX + 1];
};

int member_parse(const char *path, struct member *ret, struct err *e);

/* A foreign name as one line of printable text, shortened: for messages. Returns `out`. */
struct member_text {
	char text[128];
};
const char *member_show(const char *path, struct member_text *out);

#endif
