/*
 * The files that page frames are of: found by the mappings that frames were seen in.
 *
 * A frame of page cache belongs to one inode, but inodes have many names: each overlay shows its
 * own device for the same file of a layer. So every mapped name is a file at first, and those whose
 * mappings have a frame in common become one (union-find). Names whose mapped pages are all
 * different stay apart, even where the inode is one.
 *
 *	files_begin() and files_mark() for each address space, then files_fill().
 *
 * LIMIT: names are kept up to 4 MiB for each thing; files beyond have none.
 */
#ifndef CGROUP_FILES_H
#define CGROUP_FILES_H

#include "cgroup/census.h"
#include "cgroup/frames.h"
#include "cgroup/pagemap.h"

struct file_name;
struct file_range;

struct files {
	struct frame_table table; /* mark: the file of a frame, from 1 on */
	struct file_name *names;  /* by number; names[0] is none */
	size_t n, room;
	uint32_t *hashed; /* numbers by hash; 0: free */
	size_t n_hashed;
	uint64_t seed;
	struct file_range *ranges; /* of the address space that is being read, by address */
	size_t n_ranges, ranges_room, at;
	size_t thing; /* whose it is, and the process */
	pid_t pid;
	size_t names_left; /* bytes of names that this thing may still have */
};

void files_init(struct files *f);
void files_done(struct files *f);
DEFINE_AUTO(files, files_done)

/* Forgets all. */
void files_clear(struct files *f);

/*
 * The mappings of the process whose /proc directory this is, a member of this thing; things come in
 * rising order. 0, or -errno, as reading of /proc has it.
 */
int files_begin(struct files *f, size_t thing, pid_t pid, int process);

/* Pages of that process, in order of address. */
int files_mark(struct files *f, const struct pagemap_pages *pages);

/* Largest first; frames are settled, with owners below n_things. */
int files_fill(struct files *f, const struct frames *frames, size_t n_things,
	struct census_file **ret, size_t *ret_n);

#endif
