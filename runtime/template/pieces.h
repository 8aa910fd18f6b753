/*
 * Pieces of memory on their way into the memfd: what freeze.c, move.c and hot.c share.
 *
 * All of it is in one shared mapping: such a mapping is never moved, and the kernel never merges it
 * with one that is. What is written while memory moves must not be in the memory that moves.
 */
#ifndef RUNTIME_TEMPLATE_PIECES_H
#define RUNTIME_TEMPLATE_PIECES_H

#include "runtime/template/freeze.h"
#include "runtime/template/mappings.h"

#define PIECES_MAX 8192
#define KEPT_MAX 32
#define MOVE_BYTES ((size_t)8 << 20)  /* at once: no more than this is there twice */
#define HOT_BYTES ((size_t)256 << 10) /* in one piece that is split */

/*
 * What lies between two pieces in the memfd. A program that lets a mapping grow (realloc() does,
 * by mremap) finds zeros behind its piece, and neither the next piece nor the file's end.
 */
#define PIECE_GAP ((uint64_t)1 << 40)

struct piece {
	uintptr_t start, end; /* the same: nothing of it was moved */
	uint64_t offset;      /* in the memfd */
	uint32_t page;
	uint8_t protection;
	bool unreserved;
};

struct kept {
	uintptr_t start, end;
};

struct pieces {
	struct lines lines;
	int memfd, pagemap;
	uint64_t file_end;
	unsigned n, n_kept;
	bool locks_all; /* whatever is mapped from now on is locked */
	struct kept kept[KEPT_MAX];
	struct freeze_report *report;
	struct piece all[PIECES_MAX];
	uint64_t entries[MOVE_BYTES / 4096]; /* of pagemap */
	char saved[HOT_BYTES];
};

/* Bits of an entry of pagemap. */
#define PAGE_PRESENT (1ULL << 63)
#define PAGE_SWAPPED (1ULL << 62)
#define PAGE_OF_FILE (1ULL << 61)

/* Of the pages from `at` on, at most as many as fit: how many were read. */
size_t pieces_entries(struct pieces *p, uintptr_t at, uintptr_t end, size_t page);

static inline bool page_is_anonymous(uint64_t entry)
{
	return (entry & PAGE_SWAPPED) || (entry & (PAGE_PRESENT | PAGE_OF_FILE)) == PAGE_PRESENT;
}

static inline void size_add(struct freeze_size *s, uint64_t bytes)
{
	s->bytes += bytes;
	s->n += bytes != 0;
}

/*
 * Moves all pieces, and seals the memfd. What the kernel refuses is told in the report, and stays as
 * it was. -errno: something is neither here nor there.
 */
int pieces_move(struct pieces *p);
static inline uint64_t offset_of(const struct piece *p, uintptr_t at)
{
	return p->offset + (at - p->start);
}

/* Bytes of anonymous memory from `at` to the piece's end. */
uint64_t piece_anonymous(struct pieces *p, const struct piece *of, uintptr_t at);
/* Maps a part of a piece from the memfd, as it is there. -errno: nothing may be mapped there now. */
int piece_map(const struct pieces *p, const struct piece *of, uintptr_t start, uintptr_t end);

/*
 * Gives the pages of moved pieces that were written since to mappings of their own, and maps the
 * rest anew. How many pieces had such; those with too many stay, in `still_hot`. Or -errno, as above.
 */
int pieces_split_hot(struct pieces *p);

#endif
