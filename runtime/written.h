/*
 * What a container has written: its own files and its image's, found by its record, ready to be
 * walked (overlay/changes.h). It may run meanwhile. A fork's changes are those after it was forked.
 */
#ifndef RUNTIME_WRITTEN_H
#define RUNTIME_WRITTEN_H

#include "overlay/changes.h"
#include "overlay/stack.h"
#include "runtime/record.h"

struct written {
	struct record record;
	struct spec spec;
	struct store store;
	struct stack_parts parts;
	struct changes changes; /* borrows from the others */
	/* What the template of a fork had changed; parts.claim.template NULL: it is none. */
	struct record template_record;
	struct stack_parts template_parts;
	struct spec template_spec;
	struct changes template_changes;
};

#define WRITTEN_NONE                                                                               \
	{                                                                                          \
		.store = STORE_NONE, .parts = STACK_PARTS_NONE, .template_parts = STACK_PARTS_NONE \
	}

/* -ENODATA for a container that has no files in a store. */
int written_open(const struct home *h, const char *id, struct written *ret, struct err *e);
void written_done(struct written *w);
DEFINE_AUTO(written, written_done)

#endif
