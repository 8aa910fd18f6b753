/*
 * How much memory a group may still take, and how much the host still has: what is held against
 * what its processes could yet write.
 */
#ifndef CGROUP_HEADROOM_H
#define CGROUP_HEADROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/opt.h"

/* Of vm.overcommit_memory. */
enum { OVERCOMMIT_HEURISTIC, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER };

/* Bytes. What the host does not tell, or is not limited, is unset. */
struct headroom {
	struct opt_u64 limit;	   /* the one that leaves least, of the group or of one above */
	struct opt_u64 limit_left; /* page cache that is not in use counts as left */
	struct opt_u64 available;  /* of the host: MemAvailable */
	struct opt_u64 commit_limit, committed;
	struct opt_u64 overcommit; /* vm.overcommit_memory */
};

/* `group`: a v2 directory; -1: none. What cannot be read stays unset. */
void headroom_read(int group, struct headroom *ret);

/* The parts, pure. One group's limit; and the text of /proc/meminfo. */
void headroom_add_limit(struct headroom *h, uint64_t max, uint64_t current, uint64_t inactive_file);
void headroom_add_meminfo(struct headroom *h, const char *text);

/*
 * Whether `need` bytes more are too many, and then why: "its limit leaves 300.0 MiB". A host that
 * never overcommits has promised all that may be written, so that only the limit counts there.
 */
enum { HEADROOM_TEXT = 128 };
bool headroom_is_exceeded(const struct headroom *h, uint64_t need, char out[HEADROOM_TEXT]);

#endif
