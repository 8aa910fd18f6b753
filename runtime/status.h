/* What a container is, told: the state document. */
#ifndef RUNTIME_STATUS_H
#define RUNTIME_STATUS_H

#include "runtime/container.h"
#include "spec/state.h"

#define STATUS_WORDS_MAX 160

/* The state that hooks read, compact. `pid` 0: stopped. */
void state_text(const struct spec *spec, const char *id, const char *bundle,
	enum state_status status, pid_t pid, struct str *out);

/*
 * What a container is, in words that end an error: "it is running", "it has stopped". `locked`: by
 * the caller, who then knows that nobody makes it any more.
 */
const char *status_words(
	const struct home *h, const struct record *r, bool locked, char text[STATUS_WORDS_MAX]);

/*
 * The state of a container by its id, for `state` and `list`; the caller ends it with
 * state_done(). One whose record is damaged is told as stopped, with -ERR_DAMAGED.
 */
int container_state(const struct home *h, const char *id, struct state_doc *ret, struct err *e);

#endif
