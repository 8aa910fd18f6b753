/*
 * What registries answer (OCI distribution-spec 1.1 and its Bearer tokens), as plain values.
 *
 * All of it comes from strangers: every text is bounded, and what goes into a header of ours again
 * has visible ASCII only. What is parsed is ended with *_done().
 */
#ifndef SPEC_REGISTRY_H
#define SPEC_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

#define REGISTRY_ANSWER_MAX (64u << 10) /* bytes of an error or a token that are worth reading */

enum challenge_scheme { CHALLENGE_BASIC = 1, CHALLENGE_BEARER };

/* How a registry wants to be asked (RFC 7235). */
struct challenge {
	enum challenge_scheme scheme;
	char *realm, *service, *scope; /* NULL: not given */
};

/*
 * `headers`: values of WWW-Authenticate, a line each; one may hold several challenges. Of those that
 * we know Bearer is taken first. -EINVAL when there is none.
 */
int challenge_parse(const char *headers, struct challenge *ret, struct err *e);
void challenge_done(struct challenge *challenge);
DEFINE_AUTO(challenge, challenge_done)

/* The token in a token server's answer; the caller's. */
int token_parse(const char *text, size_t len, char **ret, struct err *e);

/*
 * What an error's body says, in one line of at most 200 bytes: "manifest unknown" of
 * {"errors": [{"code", "message"}]}, or a short plain text as it is; "" when it says nothing.
 */
void registry_reason(const char *text, size_t len, char out[201]);

/* "bytes 5-9/10", where its first byte is. False when it is anything else. */
bool content_range_parse(const char *text, uint64_t *ret_start);

#endif
