/*
 * A set of page frames, and who maps each: pure, nothing here knows /proc.
 *
 * Owners are numbers from 0 on, and frames are added owner by owner in rising order. So the owners
 * of a frame, in the order in which they were met, are a path {a < b < c} in a trie, and a frame
 * carries the number of the path's last node: one step for each mapping, no bitmap.
 *
 *	frames_add() for all mappings, then frames_settle(), once: it asks what each frame is, and
 * how often the whole system maps it; then the sums.
 */
#ifndef CGROUP_FRAMES_H
#define CGROUP_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroup/frame_table.h"
#include "spec/base/err.h"
#include "spec/base/own.h"

#define FRAMES_SETS_MAX (1U << 21) /* 450 MiB of memory; a thousand forks make 5000 sets */
#define FRAMES_UNKNOWN UINT32_MAX  /* of frame_fact.mappings: the system does not tell */

enum frame_kind {
	FRAME_ANON,   /* a look says this of all anonymous ones, */
	FRAME_FORKED, /* and those that are mapped more than once are counted as this */
	FRAME_FILE,   /* page cache of a file on disk */
	FRAME_SHMEM,  /* tmpfs, memfd, shared anonymous memory */
	FRAME_KSM,    /* merged by the kernel */
	FRAME_HUGETLB,
	FRAME_KINDS,
	FRAME_SPECIAL = FRAME_KINDS, /* zero page, vdso, device memory: nobody's, not counted */
};

/* What the system says of one frame. */
struct frame_fact {
	uint32_t mappings; /* by all processes, the ones not looked at too */
	uint8_t kind;
	bool large; /* part of a larger folio (THP and the like), whatever the kind */
};

/* The owner, behind all others, that stands for all the processes outside. */
struct frames_host {
	uint32_t owner; /* UINT32_MAX: there is none */
	bool counts;	/* is an owner as well: else what only it maps does not count at all */
};
#define FRAMES_NO_HOST ((struct frames_host){ UINT32_MAX, false })

struct owner_set;
struct set_sum;

struct frames {
	struct frame_table table; /* mark: the set; n: mappings, and once settled what it is */
	struct owner_set *sets;	  /* the trie; sets[0] is the empty set */
	struct set_sum *sums;	  /* by set, made by frames_settle() */
	size_t n_sets, sets_room;
	size_t sets_max; /* FRAMES_SETS_MAX, or less */
	uint32_t last_owner;
	struct frames_host host;
	uint64_t n_frames; /* added so far, each once */
	/* Frames with fewer mappings in the system than were seen by us; not the host's own. */
	uint64_t n_moved;
};

/* Frames by owner. private: mapped by no other owner and by nobody outside; shared: all others. */
struct frame_counts {
	uint64_t private[FRAME_KINDS], shared[FRAME_KINDS];
	uint64_t outside; /* of the shared ones: mapped by somebody who is no owner */
	uint64_t large;	  /* of all: in larger folios */
};

void frames_init(struct frames *f);
void frames_done(struct frames *f);
DEFINE_AUTO(frames, frames_done)

/*
 * `owner` maps these frames, each as often as it is named; `again` when the same mappings were
 * added for another owner already. -EINVAL when the owner is below that of an earlier call, -ERANGE
 * for a frame beyond 52 physical bits, -ENOMEM, -E2BIG above sets_max different sets of
 * owners; nothing but frames_done() is then of use.
 */
int frames_add(struct frames *f, uint32_t owner, bool again, const uint64_t *numbers, size_t n,
	struct err *e);

/* Fills facts[0..n-1] for the frames from `first` on. n is at most FRAMES_LOOK_MAX. */
typedef int frames_look(
	void *context, uint64_t first, size_t n, struct frame_fact *facts, struct err *e);
#define FRAMES_LOOK_MAX 512

/*
 * Looks at every frame once, in rising order, in runs (which may span frames that nobody added).
 * What the host maps counts as mapped from outside for all others.
 */
int frames_settle(
	struct frames *f, struct frames_host host, frames_look *look, void *context, struct err *e);

/* Adds to counts[owner], for all owners below n_owners. */
void frames_count(const struct frames *f, struct frame_counts *counts, size_t n_owners);

/* Frames that owner a (< b) maps and b too: cell frames_pair(a, b) of a triangle of zeros. */
void frames_share(const struct frames *f, uint64_t *triangle, size_t n_owners);
static inline size_t frames_pair(size_t a, size_t b)
{
	return b * (b - 1) / 2 + a;
}

/* Whether any is part of a larger folio. */
bool frames_has_large(const struct frames *f);

/* All frames that any owner but the host maps, each once. */
uint64_t frames_union(const struct frames *f);

/* The rest is for details, and after frames_settle(). A frame that counts: */
struct frame_state {
	uint32_t set; /* not 0 */
	uint8_t kind;
	bool outside, large;
};

/* False for special frames, and for those that nobody added. */
bool frames_find(const struct frames *f, uint64_t number, struct frame_state *ret);

/* All that count, in rising order. What visit() returns below 0 ends it. */
typedef int frames_visit(
	void *context, uint64_t number, const struct frame_state *state, struct err *e);
int frames_each(const struct frames *f, frames_visit *visit, void *context, struct err *e);

/* The owners of a set, the last one first: the next of them, and the set of those before it. */
uint32_t frames_owner(const struct frames *f, uint32_t *set);

/*
 * Adds to pages[owner]: frames all of whose owners are of one party, and nobody outside. Parties
 * (by owner) are rows of neighbours. -ENOMEM.
 */
int frames_count_within(const struct frames *f, const uint32_t *parties, uint64_t *pages);

#endif
