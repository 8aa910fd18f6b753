/*
 * A tar, member by member, as bytes: libarchive reads the formats (ustar, pax, GNU, sparse files),
 * and nothing else of it is used. Names are bytes, not text; it neither reads nor writes the disk.
 * What a member means for a layer is overlay/unpack.h's to say.
 */
#ifndef OVERLAY_TAR_H
#define OVERLAY_TAR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "spec/base/err.h"

enum tar_kind {
	TAR_FILE,
	TAR_DIRECTORY,
	TAR_SYMLINK,
	TAR_HARDLINK,
	TAR_CHAR,
	TAR_BLOCK,
	TAR_FIFO,
};

/* Strings are good until the next member. */
struct tar_member {
	const char *path; /* as it stands there */
	const char *link; /* of symbolic and hard links */
	enum tar_kind kind;
	mode_t mode; /* 07777 at most */
	uid_t uid;
	gid_t gid;
	uint64_t size; /* of files: their length, holes included */
	struct timespec mtime;
	dev_t device;
};

struct tar;

/* Gives the next bytes, 0 at the end, or -errno. */
typedef ssize_t tar_source(void *from, const void **ret);

int tar_open(tar_source *source, void *from, struct tar **ret, struct err *e);

/* 1 with the next member, 0 at the archive's end; -ERR_DAMAGED where it is not a proper tar. */
int tar_next(struct tar *t, struct tar_member *ret, struct err *e);

/* The member's extended attributes one by one; false when there are no more. */
bool tar_next_xattr(struct tar *t, const char **ret_name, const void **ret_value, size_t *ret_n);

/* 1 with a piece of a file's content, which lies at `offset` (holes between), 0 at its end. */
int tar_read(struct tar *t, const void **ret, size_t *ret_n, uint64_t *ret_offset, struct err *e);

/*
 * How many bytes of the source are used up: after tar_read() the place of its piece in the stream,
 * after the end what the archive took.
 */
uint64_t tar_position(const struct tar *t);

void tar_free(struct tar *t);

#endif
