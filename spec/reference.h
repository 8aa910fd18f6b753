/*
 * Image references as people write them, [HOST[:PORT]/]PATH[:TAG][@DIGEST], taken apart.
 *
 * Docker's rules: a first part with a dot, a colon or a capital letter in it, or "localhost", is a
 * registry; without one the registry is docker.io, and a name of one part is in "library" there.
 * Without tag and digest the tag is "latest". What is parsed is ended with reference_done().
 */
#ifndef SPEC_REFERENCE_H
#define SPEC_REFERENCE_H

#include <stdbool.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

struct reference {
	char *host;	  /* "docker.io", "localhost:5000", "[::1]:5000" */
	char *repository; /* "library/debian" */
	char *tag;	  /* NULL: there is a digest instead */
	char *digest;	  /* checked; NULL: none was given */
};

/* -EINVAL says which part is wrong, and why. */
int reference_parse(const char *text, struct reference *ret, struct err *e);
void reference_done(struct reference *r);
DEFINE_AUTO(reference, reference_done)

/*
 * The whole name, the caller's; NULL when out of memory. A digest says all that a tag could:
 * "docker.io/library/debian:12", "ghcr.io/a/b@sha256:...".
 */
char *reference_name(const struct reference *r);

/* What the registry is asked for: the digest, else the tag. */
const char *reference_wanted(const struct reference *r);

/* Where the registry is: docker.io's is at another name than its own. */
const char *reference_endpoint(const struct reference *r);

/* Whether that host[:port] is this machine: there HTTP is no risk. */
bool reference_host_is_loopback(const char *host);

#endif
