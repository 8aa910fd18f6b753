/*
 * The page cache of a container's own files that nobody maps: memory that goes with the container,
 * and that no process shows.
 *
 * Own files are those of its upper layer, or all of them where its way (overlay/snapshot.h) shares
 * no page cache. They are looked at one by one, so there may be PRIVATE_CACHE_FILES of them. What a
 * template has frozen is a file of its own too: in memory, and mapped page by page as it is used.
 *
 * LIMIT: what was deleted and is still open is not found.
 */
#ifndef RUNTIME_PRIVATE_CACHE_H
#define RUNTIME_PRIVATE_CACHE_H

#include "cgroup/cache.h"
#include "overlay/store.h"
#include "runtime/record.h"
#include "spec/base/opt.h"

#define PRIVATE_CACHE_FILES 20000 /* with directories; a tenth of a second */

struct private_cache {
	struct cache cache;
	struct store store; /* that of the last container */
};

#define PRIVATE_CACHE_NONE                                                                         \
	{                                                                                          \
		.cache = CACHE_NONE, .store = STORE_NONE                                           \
	}

/* For any number of containers. Never fails: what cannot be known is told of each. */
void private_cache_init(struct private_cache *p);
void private_cache_done(struct private_cache *p);
DEFINE_AUTO(private_cache, private_cache_done)

/*
 * In bytes, and how much of that is on tmpfs, where the memory controller counts it as shared memory.
 * -ENODATA: its files are in no store, or in a volume; -E2BIG: there are too many; -ENOTSUP: the
 * host does not tell what is mapped.
 */
struct private_cache_bytes {
	uint64_t all, on_tmpfs;
};
int private_cache_read(struct private_cache *p, const struct record *record,
	struct private_cache_bytes *ret, struct err *e);

#endif
