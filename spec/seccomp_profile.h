/*
 * A profile's file: what `--security-opt seccomp=FILE` names.
 *
 * Either a linux.seccomp section as it stands in config.json, or the form in which docker and podman
 * ship theirs, which is for all machines: "archMap" says which architectures go with the native one,
 * and "includes" and "excludes" say for which architectures, capabilities and kernels a rule is.
 */
#ifndef SPEC_SECCOMP_PROFILE_H
#define SPEC_SECCOMP_PROFILE_H

#include "spec/seccomp.h"
#include "spec/spec.h"

/*
 * The section for this machine and a container with these capabilities (the bounding set counts).
 * `what` names the file in errors. The caller frees the text; it is judged by seccomp_read().
 */
int seccomp_profile_resolve(const char *what, const struct json_text *file,
	const struct capability_spec *caps, struct json_text *ret, struct err *e);

#endif
