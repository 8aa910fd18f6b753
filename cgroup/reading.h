/*
 * One reading of all the processes of all things, and whether anything moved meanwhile.
 *
 * Each process is looked at, its frames are added to the set, the set is settled, and then each
 * process is looked at again: one whose page faults, size or threads are other than before has
 * changed its memory, and what was read of it is of no single moment. Things that stood still all
 * the while (instant.h) cannot have changed, but by losing a process or getting one.
 *
 * Slots of swap are a second set like that of the frames. How often a slot is used is told nowhere,
 * so where a thing has any, the processes of no thing that have some are read for theirs.
 */
#ifndef CGROUP_READING_H
#define CGROUP_READING_H

#include "cgroup/census.h"
#include "cgroup/files.h"
#include "cgroup/frames.h"
#include "cgroup/instant.h"
#include "cgroup/kpage.h"
#include "cgroup/pagemap.h"
#include "cgroup/process.h"
#include "cgroup/singles.h"
#include "cgroup/spaces.h"

struct member {
	pid_t pid;
	bool again; /* its address space is that of a member of an earlier thing */
	bool read;  /* it was there, and `stat` says how */
	struct process_stat stat;
};

/* Sums over the processes of one thing, bytes. */
struct group {
	struct member *members; /* by pid */
	size_t n_members;
	uint64_t processes, threads, page_tables, swap;
	uint64_t rss, pss, uss; /* estimates: only of readings without frames */
	uint64_t n_unread;	/* processes that we may not, or cannot, read */
	uint64_t n_strays;	/* came or went before it ran again, where it was to stand still */
	uint64_t n_changed;	/* of its processes, by reading_check() */
	uint64_t digest;	/* of its frames and their order: for CENSUS_FREEZE_CHANGED */
};

struct reading {
	const struct census_thing *things; /* borrowed, and the options */
	size_t n_things;
	const struct census_options *options;
	int proc;
	struct pagemap pagemap;
	struct kpage kpage;
	struct spaces spaces;
	struct frames frames, slots;
	struct instant instant;
	struct singles singles; /* of these two only what options->details asks for */
	struct files files;
	struct group *groups; /* by thing; one more for the host */
	bool *claimed;	      /* by pid: a member of some thing */
	bool has_frames;      /* frames are told */
	bool scans_host; /* every other process is read as well: asked for, or counts are of no use */
	uint64_t n_gone, n_changed, n_unread;
};

/* Opens /proc and probes it. */
int reading_init(struct reading *r, const struct census_thing *things, size_t n,
	const struct census_options *options, struct err *e);
void reading_done(struct reading *r);
DEFINE_AUTO(reading, reading_done)

/* Reads everything, afresh. */
int reading_take(struct reading *r, struct err *e);

/*
 * Of the things that shall stand still, before they run again: what is frozen can still be killed,
 * and others can be put into its group. For reading_check().
 */
int reading_count_strays(struct reading *r, struct err *e);

/* Processes that are new, gone or changed since: n_changed. */
int reading_check(struct reading *r, struct err *e);

/* Chooses whom to freeze in the next reading; the last one was checked. */
void reading_freeze_all(struct reading *r);
/* Those that changed, or whose digests are not these of the reading before. Whether there are any. */
bool reading_freeze_changed(struct reading *r, const uint64_t *digests);

/* The members of a thing as of now, sorted, so that they can be found again; the caller frees. */
int reading_list(
	const struct reading *r, size_t thing, pid_t **ret_pids, size_t *ret_n, struct err *e);
/* NULL: it was not listed. */
const struct member *reading_find(const struct group *g, pid_t pid);

#endif
