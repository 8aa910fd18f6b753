/*
 * One process as /proc shows it: numbers, and nothing that its names could confuse.
 *
 * A process_open()ed directory stays bound to its process: a later one of the same pid is not seen
 * through it, reads fail with ESRCH. Any of these may end at any moment: that is -ESRCH.
 */
#ifndef CGROUP_PROCESS_H
#define CGROUP_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec/base/opt.h"

/* From stat. */
struct process_stat {
	uint64_t parent; /* its pid */
	uint64_t flags;	 /* PROCESS_FORKED */
	uint64_t start;	 /* clock ticks since boot; tells processes of one pid apart */
	uint64_t faults; /* minor and major, of all its threads */
	uint64_t major;	 /* of these */
	uint64_t threads;
	uint64_t size, resident;   /* address space in bytes, pages present */
	uint64_t stack, code, brk; /* addresses; 0 where we may not know */
	bool zombie;		   /* dead, or without an address space */
	bool leaderless;	   /* its first thread has ended, others have not */
	pid_t thread;		   /* leaderless: one through which its memory is seen; else 0 */
	char command[64];	   /* printable: any other byte is "?" */
};

#define PROCESS_FORKED (1U << 6) /* it has executed no program since: PF_FORKNOEXEC */

struct process_memory {
	uint64_t page_tables, swap; /* bytes */
	uint64_t anon;		    /* resident anonymous memory, bytes */
};

/* Sums of smaps_rollup, bytes. PSS divides shared pages by the number of their mappings. */
struct process_rollup {
	uint64_t rss, pss, uss;
};

/* The directory's fd, or -errno (-ESRCH: there is none). `proc` is a directory fd of /proc. */
int process_open(int proc, pid_t pid);

/*
 * The directory through which its memory is to be read: its own, or that of one of its threads, where
 * its first has ended. A thread may end, and the process live on: -ESRCH, here and from all files.
 */
int process_open_memory(int proc, pid_t pid, const struct process_stat *stat);

/* All these: 0, -ESRCH when it is gone, -EACCES when it is none of our business, or -errno. */
int process_read_stat(int dir, struct process_stat *ret);
int process_read_stat_of(int proc, pid_t pid, struct process_stat *ret); /* without its directory */

/*
 * Whether its memory is another than when `before` was read, or it is gone. Every way to change it
 * shows in stat: a new page or a copied one is a fault, an unmapped one is missing in the resident
 * ones, exec and exit change nearly all. What the kernel does on its own (reclaim, merging,
 * compaction) shows in the counts of frames, or in resident.
 */
bool process_has_changed(int proc, pid_t pid, const struct process_stat *before);
int process_read_memory(int dir, struct process_memory *ret);
int process_read_rollup(int dir, struct process_rollup *ret);

/* The parsers of stat and status, for text that ends with '\0'. False when it is not such a text.
 */
bool process_parse_stat(const char *text, struct process_stat *ret);
bool process_parse_memory(const char *text, struct process_memory *ret);
bool process_parse_rollup(const char *text, struct process_rollup *ret);

#endif
