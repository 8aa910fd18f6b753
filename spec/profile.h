/*
 * The default profile: what a container may do and what it sees unless somebody asks for other
 * things. `cow run` gives it to every image, `cowrun spec` writes it down; a bundle's config.json
 * is taken as it is and never gets any of it.
 */
#ifndef SPEC_PROFILE_H
#define SPEC_PROFILE_H

#include "spec/spec.h"

struct profile {
	bool host_network;   /* no network namespace: the host's */
	const char *network; /* path of the one that is joined; NULL: a new one */
	bool user_namespace;
	/* Containers are forked from it, so it is in the pid and the cgroup namespace of who makes it: it could
	 * fork into no other, and no cgroup that is not below its own. */
	bool template;
	bool one_id; /* which maps no more than that: what needs more is left out */
};

/*
 * Mounts, namespaces, masked and read-only paths, and kernel parameters, into a zeroed spec.
 * -ENOMEM, and the caller ends the spec either way.
 */
int profile_fill(const struct profile *profile, struct spec *s);

/* The capabilities of a root that is kept in its container (podman's eleven); NULL at the end. */
extern const char *const profile_capabilities[];

/*
 * The system calls, as a linux.seccomp section: those that go with a capability are allowed where
 * the bounding set has it. The caller frees the text. 0 or -ENOMEM.
 */
int profile_seccomp(const struct capability_spec *caps, struct json_text *ret);

/* Copies of strings as a list of a spec's: an array that ends with a NULL. 0 or -ENOMEM. */
int profile_copy(const char *const *from, size_t n, char ***ret, size_t *ret_n);

#endif
