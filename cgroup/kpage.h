/*
 * What the kernel knows of its page frames: /proc/kpagecount and /proc/kpageflags (root only).
 *
 * kpagecount counts page table entries, not processes, over the whole system. Kernels built with
 * CONFIG_NO_PAGE_MAPCOUNT (6.15, experimental) give the average over a large folio instead.
 */
#ifndef CGROUP_KPAGE_H
#define CGROUP_KPAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "cgroup/frames.h"

struct kpage {
	int count, flags; /* -1: this host does not tell */
	uint64_t zero;	  /* the frame of the zero page, where it is not flagged as that; 0: none */
	uint64_t vdso;	  /* the same of the vdso, which all processes have one of */
	bool claims_ksm;  /* every anonymous page has the flag of KSM (seen on 6.12) */
};

/* Opens what there is, and tries it out. Never fails: what is missing shows in the facts. */
void kpage_init(struct kpage *k, int proc);
void kpage_done(struct kpage *k);
DEFINE_AUTO(kpage, kpage_done)

/* A frames_look: `kpage` is the struct kpage. */
int kpage_look(void *kpage, uint64_t first, size_t n, struct frame_fact *facts, struct err *e);

/* The kind of a frame by its word in kpageflags. */
enum frame_kind kpage_kind(uint64_t flags);

/*
 * Whether counts of large folios are exact, tried out on two megabytes of our own. True also where
 * it cannot be tried (no large pages).
 */
bool kpage_is_precise(const struct kpage *k, int proc);

/* From now on the facts leave the mappings unknown. */
void kpage_distrust(struct kpage *k);

#endif
