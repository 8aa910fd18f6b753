/*
 * A plan being drawn up: bytes with texts and lists, and the host objects that go with them.
 *
 * A draft owns its fds. Failed growth is remembered and told by draft_finish().
 */
#ifndef RUNTIME_DRAFT_H
#define RUNTIME_DRAFT_H

#include <stdint.h>

#include "runtime/init/plan.h"
#include "spec/base/err.h"
#include "spec/base/str.h"

struct draft {
	struct init_plan plan; /* written to the front of `block` at the end */
	struct str block;
	int fds[PLAN_FDS_MAX];
	int n_fds;
	bool full; /* more host objects than a plan can hold */
};

void draft_begin(struct draft *d);
void draft_done(struct draft *d);
DEFINE_AUTO(draft, draft_done)

place draft_text(struct draft *d, const char *text); /* NULL: 0 */
/* `n` bytes, aligned as any list needs it. */
place draft_list(struct draft *d, const void *items, size_t n);
place draft_texts(struct draft *d, char *const *texts, size_t n); /* place[n] */
/* Texts for execve(): see plan.h. */
place draft_strings(struct draft *d, char *const *strings, size_t n);
/* Takes the fd; its slot, -1 for no fd. */
int32_t draft_fd(struct draft *d, int fd);

/* Completes the block. -ENOMEM, -E2BIG. */
int draft_finish(struct draft *d, struct err *e);

#endif
