/*
 * Web addresses, as far as registries need them: http and https, a host, and what is asked of it.
 *
 * Strict, since a host that is one to us and another one to the library that connects would get
 * what is meant for the first: no user names, no backslash, no control characters, no white space.
 */
#ifndef SPEC_URL_H
#define SPEC_URL_H

#include <stdbool.h>

#include "spec/base/err.h"
#include "spec/base/str.h"

struct url {
	bool secure; /* https */
	char *host;  /* small letters, with its port where one was given: "a.example:5000" */
	char *path;  /* with its query; begins with '/' */
};

/* -EINVAL. A fragment is dropped. */
int url_parse(const char *text, struct url *ret, struct err *e);
void url_done(struct url *url);
DEFINE_AUTO(url, url_done)

/* What a Location header means in an answer from `base`; the caller's. */
int url_resolve(const char *base, const char *location, char **ret, struct err *e);

/* Same scheme, host and port; what is no address has no origin. */
bool url_same_origin(const char *a, const char *b);

/* Whether it leads to this machine, where HTTP is no risk. */
bool url_is_loopback(const char *text);

/* Adds text as a value of a query: all but letters, digits and -._~ as %XX. */
void url_encode(struct str *out, const char *text);

#endif
