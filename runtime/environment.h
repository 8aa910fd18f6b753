/* The environment of a program: what its document says, each name once, and HOME. */
#ifndef RUNTIME_ENVIRONMENT_H
#define RUNTIME_ENVIRONMENT_H

#include "spec/spec.h"

struct environment {
	char **v; /* "NAME=VALUE", borrowed from the document but for `home`; ends with a NULL */
	size_t n;
	char *home; /* NULL: the document has one */
};

/*
 * Of several entries of one name the last is kept, as runc keeps it. Where HOME is not said, or
 * empty, it is that of the container's account file below `root` ("/" without an entry there);
 * `root` -1: nobody could know. `p` must outlive it.
 */
int environment_make(
	const struct process_spec *p, int root, struct environment *ret, struct err *e);
void environment_done(struct environment *env);
DEFINE_AUTO(environment, environment_done)

/* The value of a name; NULL when it is not there. */
const char *environment_get(const struct environment *env, const char *name);

#endif
