/*
 * Who one is to a registry: what `docker login` and `podman login` keep in their files.
 *
 * Both write {"auths": {"HOST": {"auth": base64 of "user:password"}}}, podman also with a path
 * behind the host; docker may name a program instead that keeps them.
 */
#ifndef SPEC_CREDENTIALS_H
#define SPEC_CREDENTIALS_H

#include <stddef.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

#define CREDENTIALS_FILE_MAX (1u << 20)

struct credentials {
	char *basic;  /* base64 of "user:password", as it goes into a header; NULL: not known */
	char *helper; /* "NAME" of docker-credential-NAME, which has them; NULL: none */
	char *key;    /* under which that program keeps them */
};

/*
 * Those for a registry (reference's host) and a repository, the most exact first. Where the file has
 * none all of `ret` is NULL.
 */
int credentials_parse(const char *what, const char *text, size_t len, const char *host,
	const char *repository, struct credentials *ret, struct err *e);

/* What such a program answers: {"Username", "Secret"}. */
int credentials_parse_helper(
	const char *what, const char *text, size_t len, struct credentials *ret, struct err *e);

void credentials_done(struct credentials *c);
DEFINE_AUTO(credentials, credentials_done)

/* The caller's; NULL when out of memory. */
char *base64_write(const void *data, size_t len);

#endif
