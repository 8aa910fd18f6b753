/*
 * What containers use, page by page, and what they share.
 *
 * A thing that is measured is a name and some processes: nothing here knows containers or cgroups.
 * Figures are over page frames and not over processes: a frame counts once for a thing, however
 * many of its processes map it.
 *
 *	unique	frames that it maps
 *	private	of these, mapped by nobody else: what its end would free
 *	shared	of these, all others: `with` says with whom, `outside` with processes of no thing
 *	kernel	page tables (once for each address space), 16 KiB of stack for each thread, and the
 *		other kernel memory where the caller knows it
 *	cost	private + kernel + private_cache + unmapped_shmem + monitor: the bill if it were
 *		alone here
 *	union	frames of all things, templates too
 *	saved	unique of all things that are no templates, less union; 0 when it is below 0
 *
 * Every result says whether it is exact. It is when frames could be read, every process could be
 * read, and no process that is not frozen changed its memory between the first look and the last
 * (page faults, size, threads, members: read again at the end), and no frame had fewer mappings
 * in the system than we saw. When one did, everything is read once more, and then said. Without
 * the privilege for frames there are estimates: private is USS, unique is known of single
 * processes only, the union is the sum of PSS. What is not known is unset, never 0.
 *
 * An address space that processes of several things share (vfork, CLONE_VM) is mapped once, and its
 * frames are shared by all these things; each counts its page tables. LIMIT: the system counts page
 * tables and not processes, so that a process of no thing shares such a space is seen only where the
 * host is a row: without it those frames are private, and the end of the thing would not free them.
 *
 * Memory that no process maps is seen in no frame (page cache, tmpfs): of that what the caller knows
 * is counted (private_cache, shmem).
 */
#ifndef CGROUP_CENSUS_H
#define CGROUP_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec/base/err.h"
#include "spec/base/opt.h"
#include "spec/base/own.h"

/* Input. All is borrowed for the call. */
struct census_thing {
	const char *name, *id, *engine; /* whose container; NULL: not known. Handed through */
	const pid_t *pids;		/* NULL: census_options.list is asked */
	size_t n_pids;
	bool is_template;	      /* measured, shared with, and no container: not in `saved` */
	bool is_frozen;		      /* its processes do not run: no need to look again */
	pid_t monitor;		      /* 0: none */
	int group;		      /* fd of its cgroup v2 directory; -1: cannot be frozen */
	struct opt_u64 kernel_other;  /* bytes: slab and the like, not page tables and stacks */
	struct opt_u64 private_cache; /* page cache of its own files that nobody maps */
	struct opt_u64
		shmem; /* of the memory controller: tmpfs and the like, without private_cache */
	struct opt_u64 charged, limit; /* of the memory controller; handed through */
};

/* The pids of things[thing], allocated: they become the census's. Gone ones do no harm. */
typedef int census_list(
	void *context, size_t thing, pid_t **ret_pids, size_t *ret_n, struct err *e);

/* Who stands still while being read. */
enum census_freeze {
	CENSUS_FREEZE_ALL,
	CENSUS_FREEZE_CHANGED, /* those only whose frames were others when they were read again */
	CENSUS_FREEZE_NEVER,
};

#define CENSUS_PROCESSES 1U
#define CENSUS_FILES 2U

struct census_options {
	/*
	 * Asked for the members of each thing before each reading and after it: what was born
	 * meanwhile is a reason to read once more. NULL: members are taken as given.
	 */
	census_list *list;
	void *context;
	enum census_freeze freeze;
	bool fast; /* sums of the kernel's own, and charges: an estimate, and told as one */
	bool host; /* all other processes are a usage of their own, behind those of the things */
	unsigned details; /* CENSUS_PROCESSES, CENSUS_FILES: made only when asked for */
	/* For tests, and to tell what a host that lacks them would see: */
	bool without_frames; /* as without the privilege */
	bool without_scan;   /* as before 6.7 */
	bool without_counts; /* as if kpagecount told nothing: all of /proc is read instead */
};

struct memory_kind {
	uint64_t private_bytes, shared_bytes;
};

/*
 * anon: anonymous, mapped once in the whole system: one process's own. forked: anonymous, mapped
 * more than once: inherited by fork, or left to forks.
 */
struct memory_kinds {
	struct memory_kind anon, forked, file, shmem, ksm, hugetlb;
};

struct memory_share {
	char *name; /* that of a usage: not freed with this */
	uint64_t bytes;
};

/* One thing's figures, bytes. */
struct memory_usage {
	char *name, *id, *engine;
	bool is_template, is_host;
	uint64_t processes, threads;
	uint64_t
		n_unread; /* processes that could not be read: no figures; the host's are without */
	struct opt_u64 unique, private, shared, outside;
	struct memory_kinds *kinds; /* NULL: not known */
	struct opt_u64 large;	    /* of unique: in larger folios (THP and the like) */
	struct memory_share *with;  /* most first; by census_rank() */
	size_t n_with;
	struct opt_u64 page_tables, kernel_stacks, kernel;
	struct opt_u64 private_cache, monitor, cost;
	struct opt_u64 unmapped_shmem; /* at least so much of tmpfs and memfds is not mapped */
	struct opt_u64 swap, swap_private, swap_shared; /* by slots, as unique, private, shared */
	struct opt_u64 pss; /* the sum over its processes: where frames are not told */
	struct opt_u64 charged, limit;
};

/* One address space; of processes that share one, the first. Bytes; unset: not told. */
struct census_process {
	size_t thing; /* index of its usage */
	pid_t pid;
	char *command;		/* safe to print */
	struct opt_u64 unique;	/* frames that it maps, each once */
	struct opt_u64 private; /* of these, mapped by no other process */
	struct opt_u64 shared;	/* of these, all others */
	struct opt_u64 inside;	/* of the shared ones: mapped by processes of its thing only */
	struct opt_u64 swap, page_tables;
	uint64_t threads;
};

/* What one thing maps of a file, bytes. */
struct census_part {
	size_t thing;
	uint64_t bytes;
};

/*
 * A file whose pages are mapped: one for each page cache inode, so the file of a layer that two
 * overlays mount is one. Bytes over all things, each frame once.
 */
struct census_file {
	char *path; /* as /proc shows it, newlines as \012; NULL: not known */
	dev_t dev;
	uint64_t ino;
	size_t thing; /* one of those who map it, as dev, ino and path are seen there: */
	pid_t pid;
	uint64_t start, end; /* an address range in that process, which begins at `offset` */
	uint64_t offset;
	bool is_shmem;
	uint64_t unique;
	uint64_t private;	   /* of these, mapped by one thing and nobody else */
	uint64_t outside;	   /* of these, mapped by somebody who is no thing too */
	struct census_part *parts; /* most first */
	size_t n_parts;
	char *layer; /* NULL: not known; not filled in here */
};

/*
 * A layer of images, and how much of it is in memory; what the files are of that are of no layer
 * ("own", "host") has a row too. Not filled in here. Bytes.
 */
struct census_layer {
	char *name;    /* as in census_file.layer */
	char *digest;  /* of a layer of our store; NULL: of none */
	char **images; /* of that store, that have it */
	size_t n_images;
	uint64_t n_things;	 /* that map something of it */
	uint64_t mapped;	 /* by things, each frame once */
	struct opt_u64 resident; /* its page cache, mapped or not */
	struct opt_u64 unmapped; /* of that, mapped by no thing */
};

struct census {
	bool exact;
	char *why;	/* not exact: the reason, one line without a full stop. NULL: exact */
	bool estimated; /* not exact in that frames were not told at all */
	struct memory_usage *usages; /* in the order of the things */
	size_t n_usages;
	struct opt_u64 union_bytes, unshared_bytes, saved_bytes;
	uint64_t n_gone;   /* processes that ended before they were read */
	uint64_t n_read;   /* pagemap entries read: the work */
	unsigned n_passes; /* above 1: read again, since something had moved */
	uint64_t n_frozen,
		frozen_ns; /* containers that stood still; the longest of them how long */
	struct census_process *processes; /* by thing and pid; NULL: not asked, or not known */
	size_t n_processes;
	struct census_file *files; /* largest first; NULL: not asked, or not known */
	size_t n_files;
	struct census_layer *layers; /* most first; NULL: not filled in */
	size_t n_layers;
	uint64_t *shares; /* bytes by pair: census_shared() reads them; NULL: not known */
};

/* Pairs are known up to this many things: the triangle is 64 MiB then. */
#define CENSUS_PAIRS_MAX 4096

/* Reads /proc. Processes that end meanwhile are no error, nor are those that we may not read. */
int census_take(const struct census_thing *things, size_t n, const struct census_options *options,
	struct census *ret, struct err *e);
void census_done(struct census *c);
void census_layer_done(struct census_layer *layer);
DEFINE_AUTO(census, census_done)

/* The matrix: bytes that things a and b both map; of one with itself its unique bytes. */
struct opt_u64 census_shared(const struct census *c, size_t a, size_t b);

/* Fills usages[].with: n * n work, so only for those who show it all. */
int census_rank(struct census *c, struct err *e);

#endif
