/*
 * A registry, spoken to about one repository (OCI distribution-spec 1.1).
 *
 * What is asked is an exchange: it is done when it has its answer, through redirects,
 * authentication and repetition. Theory of operation:
 *
 *	An answer 401 says how to authenticate: by name and password, or by a token which another
 *	server gives for them. It is done once for all exchanges, and again when a token has expired;
 *	a 401 to what was authenticated just now is the last word.
 *	A redirect is followed five times at most, never from https to http, and what is not the
 *	registry itself (its scheme, host and port) gets no credentials: CVE-2020-15157.
 *	What may be passing (a lost connection, 429, 5xx) is tried again after a growing delay, from
 *	where it ended.
 */
#ifndef CMD_REGISTRY_REGISTRY_H
#define CMD_REGISTRY_REGISTRY_H

#include <signal.h>

#include "cmd/registry/http.h"
#include "spec/reference.h"

struct registry_options {
	bool insecure; /* HTTP, and certificates of anybody */
	bool quiet;
	const char *authority, *certificates; /* a file of such, a directory: see trust.h */
	const char *credentials;	      /* a file: see login.h */
	const char *beside;		      /* another repository there, to be read; NULL: none */
	int retries;
	const volatile sig_atomic_t *cancelled; /* -ECANCELED soon after it turns true */
};

struct registry {
	const struct registry_options *options; /* borrowed */
	const char *host;			/* as the user says; borrowed */
	char *base;				/* "https://a.example:5000" */
	char *scope;				/* of tokens: "repository:x/y:pull" */
	char *login;				/* base64, what we have; NULL: nothing */
	char *authorization;			/* what is sent at present; NULL: nothing */
	unsigned generation;			/* of that */
	struct http_options http_options;
	struct http *http, *side; /* one for what is asked, one for tokens meanwhile */
};

#define EXCHANGE_GOES_ON 1

struct exchange {
	const char *what;  /* in messages: "manifest 'latest'"; borrowed */
	struct transfer t; /* what is asked: method, accept, body, sink, text_max */
	char *url;	   /* the caller's to fill in, ours to free */
	void *of;	   /* the caller's */
	/* Before each try, but for redirects: where it begins (t.offset). NULL: as it is. */
	int (*begin)(struct exchange *x, struct err *e);
	/*
	 * When it is done, by a status 2xx. -EAGAIN: try again, once. EXCHANGE_GOES_ON: it has become
	 * another request, perhaps at another place (exchange_follow). NULL: nothing.
	 */
	int (*end)(struct exchange *x, struct err *e);
	bool may_be_missing; /* 404 is an answer, too */
	bool outside;	     /* not the registry's: no authentication but t.authorization */

	/* The exchange's own. */
	enum { EXCHANGE_READY = 0, EXCHANGE_RUNS, EXCHANGE_DONE } state;
	char *moved; /* where it was redirected to; NULL: nowhere */
	int redirects, failures;
	unsigned generation;
	int asked; /* how often it had to authenticate */
	bool repeated;
	uint64_t reached;
	int64_t not_before_ms;
};

/*
 * Finds out how it speaks, and that it is a registry at all. `actions`: "pull", "pull,push". The
 * reference is borrowed.
 */
int registry_open(const struct reference *ref, const char *actions,
	const struct registry_options *options, struct registry *ret, struct err *e);
void registry_done(struct registry *r);
DEFINE_AUTO(registry, registry_done)

/* "BASE/v2/REPOSITORY/" and more; the caller's. NULL when out of memory. */
char *registry_url(const struct registry *r, const struct reference *ref, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Performs all of them, some at a time, or fails with the first that does; the others then are
 * broken off. `watch`, about ten times a second, may show how far they are. NULL: nothing.
 */
int registry_perform(struct registry *r, struct exchange **list, size_t n, void (*watch)(void *),
	void *watched, struct err *e);

/* Goes on at what a Location header says, with `query` behind it (NULL: nothing). */
int exchange_follow(const struct registry *r, struct exchange *x, const char *query, struct err *e);

void exchange_done(struct exchange *x);
DEFINE_AUTO(exchange, exchange_done)

/* For registry.c: authenticates as the answer to `x` demands. */
int registry_authorize(struct registry *r, const struct exchange *x, struct err *e);

#endif
