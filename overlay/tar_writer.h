/*
 * A tar being written, member by member: ustar headers, and where these have no room (long names,
 * names that are not ASCII, large numbers, fractions of seconds, extended attributes, holes) a pax
 * header before them, as Go's and GNU's tar write and read them. Names are bytes. Nothing of the
 * time, the user or the host is added: the same members give the same bytes.
 *
 * Not by libarchive, which marks names that are not of the locale with a record that others warn of.
 */
#ifndef OVERLAY_TAR_WRITER_H
#define OVERLAY_TAR_WRITER_H

#include "overlay/tar.h"
#include "spec/base/str.h"

struct tar_writer;

/* Takes n bytes, or fails. */
typedef int tar_sink(void *to, const void *data, size_t n, struct err *e);

struct tar_extent {
	uint64_t offset, length;
};

int tar_writer_open(tar_sink *sink, void *to, struct tar_writer **ret, struct err *e);

/*
 * A member's header. `xattrs`: of xattrs_read(), or NULL. `extents`: where a file has data, sorted,
 * at multiples of 512 (GNU tar reads each from a block of its own), the last one up to the file's
 * end, if need be with nothing in it; NULL: data everywhere. All data follows, and nothing for holes.
 */
int tar_writer_add(struct tar_writer *t, const struct tar_member *m, const struct str *xattrs,
	const struct tar_extent *extents, size_t n_extents, struct err *e);
int tar_writer_data(struct tar_writer *t, const void *data, size_t n, struct err *e);

/* The archive's end: what was written reaches the sink at the latest now. */
int tar_writer_end(struct tar_writer *t, struct err *e);

/* In the place of the end: what comes makes the whole unreadable. */
void tar_writer_spoil(struct tar_writer *t);

void tar_writer_free(struct tar_writer *t);

#endif
