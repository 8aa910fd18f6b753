/*
 * One HTTP request and its answer: libcurl is known to http.c alone.
 *
 * Nothing is followed, repeated or authenticated here; that is exchange.h's. Several transfers may
 * be on their way at once. A transfer is the caller's; it must not move while it runs.
 */
#ifndef CMD_REGISTRY_HTTP_H
#define CMD_REGISTRY_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec/base/err.h"
#include "spec/base/str.h"

struct http_options {
	bool insecure;		 /* certificates are not looked at */
	char *authority;	 /* PEM: all who may sign them; NULL: those of this machine */
	char *authorities;	 /* and those of `trusted` transfers; NULL: as above */
	char *certificate, *key; /* files: who we are to `origin`; NULL: nobody */
	const char *origin;	 /* the registry: what is ours is shown to nobody else */
};

struct http; /* connections, kept open from one transfer to the next */

/* The file of those whom this machine trusts; NULL where there is none, or it is not known. */
const char *http_authorities(void);

/* The options are borrowed. -ENOMEM. */
int http_begin(const struct http_options *options, struct http **ret, struct err *e);
void http_end(struct http *http);

enum transfer_end {
	TRANSFER_RUNS = 0,
	TRANSFER_ANSWERED,  /* whole; `status` says what it is */
	TRANSFER_NO_SERVER, /* no connection came about */
	TRANSFER_NO_TLS,    /* what is there does not speak it */
	TRANSFER_UNTRUSTED, /* its certificate is not good */
	TRANSFER_LOST,	    /* the connection ended or stalled before the answer did */
	TRANSFER_REFUSED,   /* by us: see `e` */
};

struct transfer {
	/* What is asked; borrowed. */
	const char *method, *url;
	const char *authorization; /* the header's value; NULL: none */
	bool trusted;		   /* the registry's own, or the token server's that it names */
	const char *accept, *content_type;
	uint64_t offset;  /* of the answer, the first byte that is wanted */
	int body_fd;	  /* sent from its beginning; -1: nothing, but for ... */
	const char *body; /* ... a text; NULL: none */
	uint64_t body_size;
	/*
	 * Gets the bytes of an answer 2xx; an error ends the transfer. NULL: they are kept in `text`.
	 * All other answers are, up to a bound.
	 */
	int (*sink)(void *to, const void *data, size_t n, struct err *e);
	void *to;
	size_t text_max; /* -EFBIG beyond; it must be set where there is no sink */

	/* What is answered. */
	enum transfer_end end;
	long status;
	char *location, *challenge, *digest, *type, *range; /* headers; NULL: not given */
	uint64_t retry_after;				    /* seconds; 0: not given */
	uint64_t sent;
	struct str text;
	struct err e; /* why it ended as it did */

	struct transfer_wire *wire; /* http.c's own */
};

int http_start(struct http *http, struct transfer *t, struct err *e);

/*
 * Waits, at most that long, for something to come or to end; `end` of each that did is set. EINTR is
 * no error: the caller looks at its flags.
 */
int http_wait(struct http *http, int timeout_ms, struct err *e);

/* Forgets the answer, and ends a transfer that runs. */
void transfer_reset(struct transfer *t);

#endif
