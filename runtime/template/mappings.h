/* The mappings of this process, as /proc/self/smaps tells them. */
#ifndef RUNTIME_TEMPLATE_MAPPINGS_H
#define RUNTIME_TEMPLATE_MAPPINGS_H

#include "runtime/template/lines.h"

enum mapping_kind {
	MAPPING_ANON, /* the heap, .bss and what has a name of the program's too */
	MAPPING_FILE,
	MAPPING_STACK,
	MAPPING_KERNEL, /* [vdso], [vvar], ... */
};

struct mapping {
	uintptr_t start, end;
	enum mapping_kind kind;
	bool readable, writable, executable, shared;
	size_t page;	    /* bytes */
	uint64_t anonymous; /* bytes of anonymous memory, in memory or swapped out */
	unsigned key;	    /* of its protection; 0: none */
	char flags[128];    /* " rd wr mr mw me ac ": see mapping_has() */
	char name[256];	    /* "" for none; of a long one the end */
};

/* The next of /proc/self/smaps, which is open in `l`. */
bool mapping_next(struct lines *l, struct mapping *ret);
/* One of the two letters of VmFlags: proc(5). */
bool mapping_has(const struct mapping *m, const char flag[2]);

#endif
