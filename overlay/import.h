/*
 * Foreign bytes into the store: OCI layouts, docker archives, and tars of a root file system.
 *
 * Nothing is visible before all of it is verified: sizes and digests of every blob, the digest of
 * every unpacked layer (diffID), gzip's and zstd's checksums. Layers that the store has already are
 * not unpacked again; two imports of one layer at once do the work once. Work is done in the
 * store's tmp/ and removed on every failure; what a killed import left is removed by the next one.
 *
 * Only the program cow-import has this: it links the archive and compression libraries.
 */
#ifndef OVERLAY_IMPORT_H
#define OVERLAY_IMPORT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "overlay/image.h"
#include "overlay/store.h"

struct import_options {
	const char *name; /* overrides the names that the archive gives; NULL: these */
	/*
	 * Where the store's shared lock goes, taken before the layer is published: held until the
	 * image is, it keeps removals from taking the layer for one of nobody. NULL: not wanted.
	 */
	int *hold;
	const char *digest; /* that `name` may have, beside that of what the archive holds */
	/* For a root file system: what its containers run. NULL: PATH alone, and /bin/sh. */
	char *const *cmd, *const *entrypoint, *const *env;
	const char *working_dir, *user;
	bool no_sharing;      /* files are kept apart from those of other images */
	bool lowest;	      /* for ingest_layer(): no layer of the image is below this one */
	uint64_t max_bytes;   /* of one layer, unpacked; 0: 64 GiB, and never the last free space */
	uint64_t max_entries; /* of one layer; 0: 4 million */
	/* Called by one thread, now and then: bytes of `what` read, and of how many (0: not known).
	 */
	void (*progress)(void *data, const char *what, uint64_t done, uint64_t total);
	void *progress_data;
	const volatile sig_atomic_t *cancelled; /* NULL, or: -ECANCELED soon after it turns true */
};

/*
 * `path`: a layout's directory, a file (tar, gzip or zstd of one), or "-" for standard input.
 * Loads every image for this machine's architecture that is named there. `ret`: what was loaded.
 */
int import_load(const struct store *store, const char *path, const struct import_options *options,
	struct image_list *ret, struct err *e);

/* A tar of a root file system as an image of one layer, named `ref`. */
int import_rootfs(const struct store *store, const char *path, const char *ref,
	const struct import_options *options, struct image_list *ret, struct err *e);

#endif
