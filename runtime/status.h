/* What a container is, told: the state document. */
#ifndef RUNTIME_STATUS_H
#define RUNTIME_STATUS_H

#include "runtime/container.h"
#include "spec/state.h"

/* The state that hooks read, compact. `pid` 0: stopped. */
void state_text(const struct spec *spec, const char *id, const char *bundle,
	enum state_status status, pid_t pid, struct str *out);

/*
 * The state of a container by its id, for `state` and `list`; the caller ends it with
 * state_done(). One whose record is damaged is told as stopped, with -ERR_DAMAGED.
 */
int container_state(const struct home *h, const char *id, struct state_doc *ret, struct err *e);

#endif
