/*
 * Freezing: what a template holds is moved into one sealed file of memory, so that a fork copies no
 * page tables of it.
 *
 * A fork copies the page table entries of each mapping that has ever been written as anonymous
 * memory: 20 us for a MiB, and 2 KiB of page tables for a MiB in each fork. A private mapping of a
 * file that was not written since it was made has nothing to copy: its pages are found in the file,
 * when a fork touches them. So, right before the template waits, the pages of its anonymous mappings
 * are copied into a memfd, and the memfd is mapped, privately, in their place.
 *
 * What that changes for the program, and why `auto` freezes those only that are known to bear it:
 *
 *  - madvise(MADV_DONTNEED) gives back what the page was when it was frozen, and not zeros, and
 *    MADV_FREE is refused. An allocator that takes zeros for granted then (jemalloc, Go's, ...) breaks.
 *  - one byte that the template itself writes into a frozen mapping lets every fork copy the page
 *    tables of all of it again. What is known to be written stays out (the stack, thread-local
 *    storage, `keep`); the rest is learned from a rehearsal: pages written in it get their own mapping.
 *  - the memory is the file's: shared memory of the template's cgroup, in its forks too.
 *
 * Nothing here needs a libc. It takes no memory but its workspace, a shared mapping that it unmaps.
 */
#ifndef RUNTIME_TEMPLATE_FREEZE_H
#define RUNTIME_TEMPLATE_FREEZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As /proc/PID/maps tells it, with "/memfd:" before it and " (deleted)" behind. */
#define FREEZE_MEMFD "cow-template"

/* A smaller mapping has fewer pages than a fork notices. Bytes of anonymous memory. */
#define FREEZE_LEAST 65536

enum freeze_ask {
	FREEZE_AUTO, /* a program that is known to bear it, or that says so */
	FREEZE_ALWAYS,
	FREEZE_NEVER,
};

enum freeze_verdict {
	FREEZE_DONE,
	FREEZE_NOT_ASKED, /* FREEZE_NEVER */
	FREEZE_UNKNOWN,	  /* auto: nothing says that the program bears it */
	FREEZE_REFUSED,	  /* auto: something of it is known not to: `because` */
	FREEZE_FAILED,	  /* the kernel refused before all was moved: `error` */
	FREEZE_VERDICTS
};

/* Why anonymous memory was left as it is. */
enum freeze_reason {
	FREEZE_NOT_ALLOWED, /* the verdict */
	FREEZE_SMALL,	    /* below FREEZE_LEAST */
	FREEZE_FILE,	    /* pages of a file's mapping that were written: .data, RELRO */
	FREEZE_STACK,
	FREEZE_KEPT, /* is written while the template waits: thread-local storage, the stub's own */
	FREEZE_HOT,  /* was written in the rehearsal */
	FREEZE_NO_ACCESS, /* PROT_NONE: its pages cannot be read */
	FREEZE_SHARED,
	FREEZE_LOCKED,	   /* mlock(): a file's pages would be locked and copied at once */
	FREEZE_NOT_FORKED, /* MADV_DONTFORK */
	FREEZE_WIPED,	   /* MADV_WIPEONFORK, or the kernel's random state */
	FREEZE_USERFAULT,
	FREEZE_SPECIAL, /* hugetlb, sealed or guarded, device memory, a protection key */
	FREEZE_UNMOVED, /* the kernel refused to move it: `error` */
	FREEZE_REASONS
};

/* What the environment that the program began with says after these words, "NAME=". */
enum freeze_ask freeze_asked(const char *name);

struct freeze_size {
	uint64_t bytes; /* of anonymous memory */
	uint64_t n;	/* mappings that it was in, or pieces of them */
};

struct freeze_report {
	enum freeze_verdict verdict;
	int error;		      /* errno; 0: none */
	uint64_t zero_bytes;	      /* of `frozen`: pages of zeros, which are not kept */
	struct freeze_size frozen;    /* in mappings of the memfd that forks copy nothing of */
	struct freeze_size still_hot; /* of `frozen`: in mappings that are copied nevertheless */
	struct freeze_size left[FREEZE_REASONS];
	char because[64]; /* the file that decided, "" for none */
};

struct freeze_range {
	const void *at;
	size_t bytes;
};

struct freeze_options {
	enum freeze_ask ask;
	bool allowed;			 /* the program has said that it bears it */
	const struct freeze_range *keep; /* what is written as the template serves */
	unsigned n_keep;
	int (*rehearse)(
		void *context); /* does once what serving does: a fork that ends; NULL: none */
	void *context;
};

/*
 * In a process of one thread. 0 with the report filled in, whatever the verdict is: the program is
 * as it was. -errno: it is not, and has to end (nothing but a kernel out of memory does that).
 * LIMIT: NUMA policies and names of mappings are lost; a program that has asked for huge pages has
 * small ones then.
 */
int template_freeze(const struct freeze_options *options, struct freeze_report *ret_report);

#endif
