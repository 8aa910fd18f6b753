/*
 * Whose certificates a registry may show beside those that this machine trusts anyway, and our own:
 * as docker and podman have it, /etc/containers/certs.d/HOST[:PORT] and /etc/docker/certs.d/... hold
 * *.crt (authorities), and NAME.cert with NAME.key (who we are). Those in a directory vouch for the
 * registry and the token server that it names, and not for where these redirect to.
 */
#ifndef CMD_REGISTRY_TRUST_H
#define CMD_REGISTRY_TRUST_H

#include "cmd/registry/http.h"

/* `file`: one authority more; `dir`: instead of those directories. NULL: none. */
int trust_load(const char *host, const char *file, const char *dir, struct http_options *ret,
	struct err *e);
void trust_done(struct http_options *options);

#endif
