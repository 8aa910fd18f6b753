/*
 * The page cache of an open file: how much of it is in memory, and how much of that somebody maps.
 *
 * Only the kernel is asked: no byte is read, nothing is read in from the disk, and what is recently
 * used stays what it was. The file is one of a disk or of tmpfs itself: opened through an overlay
 * it has no pages of its own (cachestat says 0 there, also where its pages are in memory).
 *
 * cachestat(2) since 6.5; before, mincore(2) on a mapping of the file. mincore tells the truth only
 * to those who may write the file, to others all of it is in memory; and it takes time for each
 * page that is not there, so files above CACHE_MINCORE_MAX are -EFBIG.
 */
#ifndef CGROUP_CACHE_H
#define CGROUP_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "cgroup/kpage.h"
#include "spec/base/own.h"

#define CACHE_MINCORE_MAX ((uint64_t)16 << 30)

struct cache {
	bool counts; /* cachestat is there (tests put false) */
	int pagemap; /* our own; -1: frames are not told to us */
	struct kpage kpage;
	bool is_precise; /* counts of large folios too; tried out when there is the first one */
	bool tried;
};

#define CACHE_NONE                                                                                 \
	{                                                                                          \
		.pagemap = -1, .kpage = {.count = -1, .flags = -1 }                                \
	}

/* `proc` is a directory fd of /proc. Never fails: what is missing shows in the answers. */
void cache_init(struct cache *c, int proc);
void cache_done(struct cache *c);
DEFINE_AUTO(cache, cache_done)

/* Bytes in memory of a regular file that is open for reading; 0 or -errno. */
int cache_resident(const struct cache *c, int file, uint64_t *ret);

/*
 * Bytes of it that are in memory and that some process maps, whoever it is. For that its pages are
 * mapped for a moment, without being touched. -ENOTSUP: the host does not tell it to us.
 */
int cache_mapped(struct cache *c, int file, uint64_t *ret);

/*
 * The frame that holds a page of it, by the page's number; 0: it is not in memory. -ENOTSUP as
 * above. Two files with a frame in common are one.
 */
int cache_frame(struct cache *c, int file, uint64_t page, uint64_t *ret);

#endif
