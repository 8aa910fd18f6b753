/*
 * Single processes: the same sets as those of things, with each address space an owner of its own.
 *
 * singles_begin() and singles_add() for each address space, things in rising order; then
 * singles_fill(), which asks the settled frames of the things what each frame is.
 *
 * LIMIT: the processes of a thing that share in more than SINGLES_SETS_MAX ways are not told: those that
 * come then are one owner, so that what others share with them is right. Above SINGLES_SETS_ALL
 * none is told. A set takes 233 bytes.
 * LIMIT: a process that is of two things is there twice, and shares its pages with itself.
 */
#ifndef CGROUP_SINGLES_H
#define CGROUP_SINGLES_H

#include "cgroup/census.h"
#include "cgroup/frames.h"
#include "cgroup/pagemap.h"
#include "cgroup/process.h"

#define SINGLES_SETS_MAX ((size_t)1 << 16)
#define SINGLES_SETS_ALL ((size_t)1 << 19)

struct single;

struct singles {
	struct frames frames; /* owners are numbers of singles */
	struct single *v;
	size_t n, room;
	size_t sets_before;  /* those of the things before this one */
	size_t first;	     /* of this thing; */
	size_t owner;	     /* and the one that all further ones of it are, once it has too many */
	bool has_many, full; /* the thing; all of them */
};

void singles_init(struct singles *s);
void singles_done(struct singles *s);
DEFINE_AUTO(singles, singles_done)

/* One more, of this thing; `again` when it is of an earlier thing too. 0, or -ENOMEM. */
int singles_begin(struct singles *s, size_t thing, pid_t pid, bool again,
	const struct process_stat *stat, const struct process_memory *memory);

/* The last one has no memory any more. */
void singles_drop(struct singles *s);

/* Where frames are not told: what is known of the last one instead. */
void singles_estimate(struct singles *s, const struct process_rollup *rollup, uint64_t swap);

/* Pages of the last one. */
int singles_add(struct singles *s, const struct pagemap_pages *pages, struct err *e);

/* `frames`: those of the things. */
int singles_fill(struct singles *s, const struct frames *frames, struct census_process **ret,
	size_t *ret_n, struct err *e);

#endif
