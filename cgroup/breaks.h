/*
 * How much of what processes inherited they have broken: each is held against the process that it
 * was forked from, page by page (see fate.h).
 *
 *	struct breaker	reads, and remembers its last look
 *	struct breaks	what one look saw
 *
 * A process has an origin while one lives that has the same mappings: its parent, or the template
 * that the caller names, or an older relative in the set. Who has executed a program since has
 * inherited nothing; of private mappings of files it may still have broken pages.
 *
 * Every page is exact for the moment at which it was read; the whole is exact when nobody changed
 * his memory between the first read and the last (page faults, size, resident pages, threads), or
 * was born (breaks_note_born()). Needs the numbers of page frames: CAP_SYS_ADMIN in the initial user
 * namespace. Nothing is stopped, and nothing of the processes' memory is read.
 *
 * LIMIT: of a mapping that is longer than its file, what is behind the end counts as exposed.
 * LIMIT: memory that both made anew at one address since the fork counts as broken, also that which
 * was not to be inherited (MADV_DONTFORK, MADV_WIPEONFORK): frames do not tell. From one look to
 * the next it does not.
 */
#ifndef CGROUP_BREAKS_H
#define CGROUP_BREAKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroup/fate.h"
#include "cgroup/kpage.h"
#include "cgroup/origin.h"
#include "cgroup/pagemap.h"
#include "cgroup/spaces.h"
#include "spec/base/err.h"
#include "spec/base/opt.h"
#include "spec/base/own.h"

struct breaks_counts {
	uint64_t pages[PAGE_FATES];
	/* Since the look before, which saw the page whole; of what is new since, all: */
	uint64_t broken_now, left_now;
};

struct breaks_process {
	pid_t pid;
	char *command; /* as it calls itself: for terminals to be cleaned */
	pid_t origin;  /* 0: none */
	enum relation relation;
	uint64_t start, faults, major; /* as in struct process_stat */
	struct breaks_counts counts;
};

struct breaks_mapping {
	char *name; /* of a file as the process sees it */
	struct breaks_counts counts;
};

struct breaks {
	struct breaks_process *processes; /* by age; each address space once */
	size_t n_processes;
	struct breaks_mapping *mappings; /* most broken first; those with any page */
	size_t n_mappings;
	struct breaks_counts counts;
	uint64_t left_writes; /* of counts.pages[PAGE_LEFT]: writes of origins, each once */
	/*
	 * What it would take if all was written that may be: copies of anonymous pages that others
	 * show too, pages of files that are mapped for writing and not yet written, and what is in
	 * swap. Pages.
	 */
	uint64_t exposed_anon, exposed_file, exposed_swap;
	bool exposure_estimated; /* kpagecount is not told, or an average: only relatives are seen */
	uint64_t n_changed, n_unread; /* processes that changed meanwhile; that could not be read */
};

void breaks_done(struct breaks *b);
DEFINE_AUTO(breaks, breaks_done)

struct seen_process;

struct breaker {
	int proc;
	struct pagemap pagemap;
	struct kpage kpage;
	struct spaces spaces;
	bool counts;		   /* kpagecount can be relied upon */
	struct seen_process *last; /* by pid; what the last look saw of each */
	size_t n_last;
	bool has_looked;
};

#define BREAKER_NONE ((struct breaker){ .proc = -1, .kpage = { .count = -1, .flags = -1 } })

/* -EPERM: frames are not told to us. */
int breaker_init(struct breaker *b, struct err *e);
void breaker_done(struct breaker *b);
DEFINE_AUTO(breaker, breaker_done)

/*
 * Looks at these processes; those that have ended do no harm. `template`: a process that they may
 * have been forked from; 0: none is known. `remember`: there will be another look.
 */
int breaks_take(struct breaker *b, const pid_t *pids, size_t n, pid_t template, bool remember,
	struct breaks *ret, struct err *e);

/* After a look at `before`: who is among `now` and was not has changed something meanwhile. */
void breaks_note_born(
	struct breaks *b, const pid_t *before, size_t n_before, const pid_t *now, size_t n_now);

#endif
