/*
 * What was handed over to be loaded: a directory, or an archive of one, as members by name.
 *
 * An archive is spooled into the store's tmp/ first, since its members come in any order. There
 * they lie under numbers: their names are only ever compared, never used as paths, and symbolic
 * links among them (docker save makes such) are followed as text, inside the archive.
 */
#ifndef OVERLAY_PARCEL_H
#define OVERLAY_PARCEL_H

#include "overlay/import.h"
#include "overlay/work.h"

struct parcel_member;

struct parcel {
	const char *path; /* for messages; borrowed */
	int dir;	  /* of the directory, when it is one */
	struct work spool;
	struct parcel_member *members;
	size_t n;
};

#define PARCEL_NONE                                                                                \
	{                                                                                          \
		.dir = -1, .spool = WORK_NONE                                                      \
	}

/* `path`: a directory, a file, or "-". */
int parcel_open(const struct store *store, const char *path, const struct import_options *options,
	struct parcel *ret, struct err *e);

bool parcel_has(const struct parcel *p, const char *name);

/* A regular file, read-only; -ENOENT when it is not there. */
int parcel_member(const struct parcel *p, const char *name, int *ret_fd, struct err *e);

/* The same whole, up to `limit` bytes; the caller frees. */
int parcel_read(const struct parcel *p, const char *name, size_t limit, char **ret_data,
	size_t *ret_n, struct err *e);

void parcel_done(struct parcel *p);
DEFINE_AUTO(parcel, parcel_done)

#endif
