/*
 * The OCI state document (runtime.md#state): what hooks read on their standard input, and what
 * `state` and `list` print, which add some of what other runtimes tell there.
 */
#ifndef SPEC_STATE_H
#define SPEC_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "spec/base/json.h"

enum state_status {
	STATE_CREATING = 1,
	STATE_CREATED,
	STATE_RUNNING,
	STATE_PAUSED,
	STATE_STOPPED,
};

extern const struct enum_name state_status_names[];

struct state_doc {
	char *version; /* ociVersion */
	char *id;
	int status;  /* enum state_status */
	int32_t pid; /* as the reader sees it; 0 when stopped */
	char *bundle;
	struct string_pair *annotations;
	size_t n_annotations;
	/* Not for hooks: NULL there. */
	char *rootfs;
	char *created; /* RFC 3339: engines fail on anything else */
	char *owner;   /* a user's name or number */
};

/* For hooks compact, which their scripts expect. */
void state_write(const struct state_doc *state, enum json_style style, struct str *out);
/* The same up to the digits of the pid, which stand last here: who knows them adds "1}". */
void state_write_head(const struct state_doc *state, struct str *out);
/* For a seccomp agent (config-linux.md#containerprocessstate): the container's state, and which
 * process of it is meant. `metadata` may be NULL. */
void state_write_process(
	const struct state_doc *state, int32_t pid, const char *metadata, struct str *out);
/* The array that `list --format json` prints; "[]" when there are none. */
void state_list_write(
	const struct state_doc *states, size_t n, enum json_style style, struct str *out);

int state_parse(
	const char *what, const char *text, size_t len, struct state_doc *ret, struct err *e);
void state_done(struct state_doc *state);
DEFINE_AUTO(state_doc, state_done)

#endif
