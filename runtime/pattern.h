/*
 * A configuration that many containers have in common, but for their names.
 *
 * It is derived and written once, for a name that nobody has; for each of them its own is put in where
 * that one stands: as the host name, in the environment, and in the text.
 */
#ifndef RUNTIME_PATTERN_H
#define RUNTIME_PATTERN_H

#include "spec/base/str.h"
#include "spec/spec.h"

#define PATTERN_NAME_MAX 63 /* of whom it can be: a longer name is no host name */
#define PATTERN_PLACES 2

struct pattern {
	char name[PATTERN_NAME_MAX + 1]; /* "": it is not begun */
	struct spec spec;
	struct str config;			 /* written */
	size_t places[PATTERN_PLACES], n_places; /* where the name stands in it */
};

/* One container's: it borrows of the pattern what has no name in it. */
struct patterned {
	struct spec spec;
	struct process_spec process;
	char *hostname, *named; /* what has one: `named` is of the environment */
	char **env;
	struct str config;
};

/* Gives it its name: what is derived of that is its spec. */
int pattern_begin(struct pattern *m, struct err *e);
/* Writes it, when it is derived. */
int pattern_write(struct pattern *m, struct err *e);
void pattern_done(struct pattern *m);

/* The caller's, ended by patterned_free(); NULL: no memory. */
struct patterned *pattern_fill(const struct pattern *m, const char *name);
void patterned_free(struct patterned *c);

#endif
